//! A look at a CA without an account, for `annex doctor`: does its directory answer, what does it offer, does its clock
//! agree with ours?

use std::time::{Duration, SystemTime};

use crate::clock;
use crate::outbound::{CallError, Proxy};

use super::super::Ca;
use super::account::Offer;
use super::authority::{Authority, AuthorityError};
use super::request::{RequestError, Why, Wire};

/// What was seen.
#[derive(Debug)]
pub struct Visit {
    pub profiles: Vec<String>,
    pub has_renewal_information: bool,
    /// Its names in CAA records; any if empty.
    pub caa_identities: Vec<String>,
    /// How far our clock is from the CA's, either way; `None` where it sent no date.
    pub clock_skew: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    #[error("{0}")]
    Authority(#[from] AuthorityError),
    /// Its certificate is not valid now, by the clock of this host.
    #[error("{0}")]
    Untimely(String),
    /// Somebody answers, and with no directory.
    #[error("{0}")]
    NoDirectory(String),
    #[error("{0}")]
    Request(String),
}

impl From<RequestError> for VisitError {
    fn from(error: RequestError) -> Self {
        match error.why {
            Why::Call(CallError::Untimely(_)) => Self::Untimely(error.to_string()),
            Why::Refused(ref refused) if !refused.may_pass => Self::NoDirectory(error.to_string()),
            Why::Unreadable(_) => Self::NoDirectory(error.to_string()),
            _ => Self::Request(error.to_string()),
        }
    }
}

pub async fn visit(ca: &Ca, proxy: Option<&Proxy>) -> Result<Visit, VisitError> {
    let authority = Authority::new(ca.clone(), proxy)?;
    let (offer, answered) = Offer::ask(&Wire::new(&authority.client, None), ca).await?;
    Ok(Visit {
        profiles: offer.profiles().map(str::to_owned).collect(),
        caa_identities: offer.caa_identities().to_vec(),
        has_renewal_information: offer.renewal_info.is_some(),
        clock_skew: answered.date().map(|date| apart(date, clock::now())),
    })
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).or_else(|_| other.duration_since(one)).unwrap_or_default()
}
