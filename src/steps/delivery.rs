//! A delivery: one call of Rossum's, verified and read.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tracing::warn;

use crate::forward::Original;
use crate::rossum::{Id, Payload, Unreadable};
use crate::signature::VerifiedBody;
use crate::trees;

/// A payload that is known to come from Rossum: it is read from a [`VerifiedBody`] and from nothing else.
pub struct Delivery<'body> {
    /// As it was sent.
    pub body: &'body [u8],
    pub payload: Payload<'body>,
    /// How it came, where a step asks for that.
    pub came: Option<&'body Original>,
}

impl<'body> Delivery<'body> {
    pub fn read(body: &'body VerifiedBody) -> Result<Self, Unreadable> {
        Payload::read(body.bytes()).map(|payload| Self { body: body.bytes(), payload, came: None })
    }

    /// The same, with how it came.
    #[must_use]
    pub fn that_came(self, came: Option<&'body Original>) -> Self {
        Self { came, ..self }
    }

    /// The hook's secrets and the delivery's own token, which nobody keeps.
    pub(super) fn credentials(&self) -> (Map<String, Value>, Option<String>) {
        #[derive(Deserialize)]
        struct Sent<'s> {
            #[serde(default, borrow)]
            secrets: Option<&'s RawValue>,
            #[serde(default)]
            rossum_authorization_token: Option<String>,
        }
        let Ok(sent) = serde_json::from_slice::<Sent<'_>>(self.body) else { return (Map::new(), None) };
        let secrets = sent.secrets.map(|secrets| trees::read(secrets.get().as_bytes(), trees::SMALL));
        let secrets = match secrets {
            Some(Ok(Value::Object(secrets))) => secrets,
            Some(Err(unread)) => {
                warn!("the `secrets` of the delivery are left out: {unread}");
                Map::new()
            }
            _ => Map::new(),
        };
        (secrets, sent.rossum_authorization_token)
    }

    /// Whether the user, or a hook before this one, changed this datapoint.
    pub fn is_updated(&self, id: &Id<'_>) -> bool {
        self.payload.updated_datapoints.as_ref().is_some_and(|ids| ids.contains(id))
    }
}
