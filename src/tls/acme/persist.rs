//! DNS-PERSIST-01 (draft-ietf-acme-dns-persist): one TXT record for good shows that a name is ours. It names the CA and our
//! account there, so that no port has to be open, no program writes into the zone, and a wildcard is possible.
//!
//! Revision 02 hashes the account in the record, so that names are not seen to be of one account: done where the CA's
//! directory says what such a name begins with. The URL of the account is what earlier revisions have.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest, Sha256};

use crate::clock;

use super::super::{AcmeSettings, Ca, identifier};
use super::about::about;
use super::account::Session;
use super::authority::{Authority, AuthorityError};
use super::jose;
use super::lease::Lease;
use super::order::OrderError;
use super::request::Wire;
use super::storage::{Storage, StorageError};

/// Where the record stands, below nothing but the name.
const LABEL: &str = "_validation-persist";
/// The longest text of one string in a TXT record.
const LONGEST: usize = 255;

/// Why there is no record to show.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("{0}")]
    Account(String),
    #[error(
        "the directory of the CA names no issuer (`issuerDomainNames`, `caaIdentities`): ask the CA what the record begins with"
    )]
    NoIssuer,
    #[error("another order is running: try again in a minute")]
    Busy,
}

impl From<OrderError> for RecordsError {
    fn from(error: OrderError) -> Self {
        Self::Account(error.to_string())
    }
}

impl From<StorageError> for RecordsError {
    fn from(error: StorageError) -> Self {
        Self::Account(error.to_string())
    }
}

/// What the TXT record of a name has to say to a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Of the name that is to be validated.
    pub name: String,
    /// URL of the directory of the CA that it is for.
    pub directory: String,
    /// Names of the CA: any of them will do.
    issuers: Vec<String>,
    /// Names of our account there: any of them will do.
    accounts: Vec<String>,
    is_for_wildcard: bool,
}

/// Why a record does not do, from the one that is furthest off to the nearest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    Absent,
    /// It is for this CA.
    Issuer(String),
    /// It is for this account.
    Account(String),
    NoWildcard,
    /// It ended then; what is no moment has ended too.
    Ended(String),
}

impl Record {
    /// For a name and no wildcard. Of issuers and accounts the first stands in it, and the others do too.
    pub fn new(name: &str, directory: &str, issuers: Vec<String>, accounts: Vec<String>) -> Self {
        let (name, directory) = (name.to_owned(), directory.to_owned());
        Self { name, directory, issuers, accounts, is_for_wildcard: false }
    }

    /// Where it stands in the DNS.
    pub fn place(&self) -> String {
        format!("{LABEL}.{}", self.name)
    }

    /// What it says.
    pub fn value(&self) -> String {
        let [issuer, account] =
            [&self.issuers, &self.accounts].map(|names| names.first().map_or("", String::as_str));
        let policy = if self.is_for_wildcard { "; policy=wildcard" } else { "" };
        format!("{issuer}; accounturi={account}{policy}")
    }

    /// As a line of a zone file has it.
    pub fn line(&self) -> String {
        let value = self.value();
        let (mut strings, mut rest) = (Vec::new(), value.as_str());
        while !rest.is_empty() {
            let (string, more) = rest.split_at(rest.floor_char_boundary(LONGEST.min(rest.len())));
            strings.push(format!("\"{string}\""));
            rest = more;
        }
        format!("{}. IN TXT {}", self.place(), strings.join(" "))
    }

    /// Whether one of these, as they stand in the DNS, lets the CA issue.
    ///
    /// # Errors
    ///
    /// What keeps the nearest of them from that.
    pub fn look_at(&self, found: &[String], now: SystemTime) -> Result<(), Unfit> {
        let mut nearest = Unfit::Absent;
        for text in found {
            match self.fits(text, now) {
                Ok(()) => return Ok(()),
                Err(unfit) => nearest = nearest.max(unfit),
            }
        }
        Err(nearest)
    }

    fn fits(&self, text: &str, now: SystemTime) -> Result<(), Unfit> {
        let mut parts = text.split(';').map(str::trim);
        let issuer = parts.next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        if !self.issuers.contains(&issuer) {
            return Err(Unfit::Issuer(issuer));
        }
        let parts: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let value = |wanted: &str| {
            let mut found = parts.iter().filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            found.next().map(|(_, value)| value.trim())
        };
        let account = value("accounturi").unwrap_or_default();
        if !self.accounts.iter().any(|ours| ours == account) {
            return Err(Unfit::Account(account.to_owned()));
        }
        let is_wide = value("policy").is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard"));
        if self.is_for_wildcard && !is_wide {
            return Err(Unfit::NoWildcard);
        }
        match value("persistuntil") {
            Some(until) if until.parse().is_ok_and(|until: u64| until >= clock::unix_seconds(now)) => Ok(()),
            Some(until) => Err(Unfit::Ended(
                until
                    .parse()
                    .map_or_else(|_| until.to_owned(), |at| clock::display(clock::from_unix_seconds(at))),
            )),
            None => Ok(()),
        }
    }
}

/// The records that an order of this certificate needs, at its CA and at the second. The accounts that they name are made
/// where there are none yet: `may_register`; else there are none for a CA without an account.
///
/// # Errors
///
/// Where a CA cannot be asked, or does not say its name.
pub async fn records(settings: &AcmeSettings, may_register: bool) -> Result<Vec<Record>, RecordsError> {
    let mut all = Vec::new();
    for ca in std::iter::once(&settings.ca).chain(&settings.second) {
        all.extend(of_ca(settings, ca, may_register).await?);
    }
    Ok(all)
}

async fn of_ca(settings: &AcmeSettings, ca: &Ca, may_register: bool) -> Result<Vec<Record>, RecordsError> {
    let storage = Storage::new(&settings.state, "", about(settings));
    if !may_register && storage.load_account(&ca.directory)?.is_none() {
        return Ok(Vec::new());
    }
    // An order may make the account just now.
    let _lease = Lease::of(&storage).await?.ok_or(RecordsError::Busy)?;
    let authority = Authority::new(ca.clone(), settings.proxy.as_ref())?;
    let wire = Wire::new(&authority.client, None);
    let session = Session::open(ca, settings.contact.as_deref(), wire, &storage).await?;
    let issuers: Vec<String> = session.offer.issuers().iter().map(|name| name.to_ascii_lowercase()).collect();
    if issuers.is_empty() {
        return Err(RecordsError::NoIssuer);
    }
    let mut records: Vec<Record> = Vec::new();
    for domain in settings.domains.iter().filter(|name| identifier::address(name).is_none()) {
        let (name, is_wildcard) = identifier::without_wildcard(domain);
        if let Some(known) = records.iter_mut().find(|record| record.name == name) {
            known.is_for_wildcard |= is_wildcard;
            continue;
        }
        let url = &session.account.kid;
        let hashed = session.offer.account_hash_prefix();
        let hashed = hashed
            .map(|prefix| hashed_account(prefix, name, &jose::thumbprint(&session.account.key_pair), url));
        let accounts = hashed.into_iter().chain([url.clone()]).collect();
        records.push(Record {
            is_for_wildcard: is_wildcard,
            ..Record::new(name, &ca.directory, issuers.clone(), accounts)
        });
    }
    Ok(records)
}

/// The account's name for one domain (revision 02, section 4.1): who sees several records does not see that they are of one.
fn hashed_account(prefix: &str, name: &str, thumbprint: &str, account: &str) -> String {
    let mut hash = Sha256::new();
    hash.update([u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    for part in [name, thumbprint, account] {
        hash.update(part);
    }
    format!("{prefix}sha-256/{}", BASE64URL.encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "https://ca.example/acct/123";

    fn record(is_for_wildcard: bool) -> Record {
        Record {
            name: "example.com".to_owned(),
            directory: "https://ca.example/dir".to_owned(),
            issuers: vec!["authority.example".to_owned(), "ca.example.net".to_owned()],
            accounts: vec![ACCOUNT.to_owned()],
            is_for_wildcard,
        }
    }

    #[test]
    fn it_says_who_may_issue_for_whom() {
        let line = record(false).line();
        assert_eq!(
            line,
            format!("_validation-persist.example.com. IN TXT \"authority.example; accounturi={ACCOUNT}\"")
        );
        assert!(record(true).value().ends_with("; policy=wildcard"));
        let mut long = record(true);
        long.accounts[0] = format!("https://ca.example/{}", "a".repeat(300));
        let line = long.line();
        let strings: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        assert!(strings.iter().all(|string| string.len() <= 255) && strings.concat() == long.value());
    }

    /// The draft has this one (revision 02, section 10.2).
    #[test]
    fn an_account_is_hashed_as_the_draft_says() {
        let hashed = hashed_account(
            "https://ca.example/account-hash/",
            "example.com",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ACCOUNT,
        );
        let expected = "https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw";
        assert_eq!(hashed, expected);
    }

    #[test]
    fn what_stands_in_the_dns_is_compared_as_the_ca_does() {
        let now = clock::from_unix_seconds(2_000_000_000);
        let own = format!("accounturi={ACCOUNT}");
        let rows: [(&str, bool, Result<(), Unfit>); 9] = [
            (&format!("authority.example; {own}"), false, Ok(())),
            (&format!("CA.example.net;{own};policy=WILDCARD"), true, Ok(())),
            (&format!("authority.example; {own}; unknown=1; persistUntil=2000000001"), false, Ok(())),
            (&format!("authority.example; {own}"), true, Err(Unfit::NoWildcard)),
            ("v=spf1 -all", false, Err(Unfit::Issuer("v=spf1 -all".to_owned()))),
            ("authority.example", false, Err(Unfit::Account(String::new()))),
            (
                "authority.example; accounturi=https://ca.example/acct/9",
                false,
                Err(Unfit::Account("https://ca.example/acct/9".to_owned())),
            ),
            (
                &format!("authority.example; {own}; persistUntil=1999999999"),
                false,
                Err(Unfit::Ended("2033-05-18 03:33:19 UTC".to_owned())),
            ),
            (
                &format!("authority.example; {own}; persistUntil=soon"),
                false,
                Err(Unfit::Ended("soon".to_owned())),
            ),
        ];
        for (text, is_for_wildcard, expected) in rows {
            assert_eq!(record(is_for_wildcard).look_at(&[text.to_owned()], now), expected, "{text}");
        }
        assert_eq!(record(false).look_at(&[], now), Err(Unfit::Absent));
        // One of several is enough; of those that do not do the nearest is told.
        let several = ["v=spf1".to_owned(), format!("authority.example; {own}")];
        assert_eq!(record(false).look_at(&several, now), Ok(()));
        assert_eq!(record(true).look_at(&several, now), Err(Unfit::NoWildcard));
    }
}
