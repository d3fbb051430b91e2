//! The domains: do they resolve (A and AAAA), and to this host?

use std::net::{IpAddr, SocketAddr, UdpSocket};

use futures_util::{StreamExt as _, stream};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::tls::identifier;

use super::{Finding, Time, WIDTH};

/// Addresses of every domain that resolves.
pub(super) async fn resolve(
    domains: &[String],
    time: Time,
    tell: &(impl Fn(Finding) + Sync),
) -> Vec<(String, Vec<IpAddr>)> {
    let resolver = match TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build) {
        Ok(resolver) => resolver,
        Err(error) => {
            tell(Finding::bad(format!("cannot use this host's resolver: {error}"), "check /etc/resolv.conf"));
            return Vec::new();
        }
    };
    // What a wildcard is for is not known: there is no host to resolve.
    let hosts = domains.iter().filter(|domain| !identifier::without_wildcard(domain).1);
    let resolver = &resolver;
    let all: Vec<_> = hosts
        .map(|domain| async move {
            let found = match identifier::address(domain) {
                Some(address) => Ok(vec![address]),
                None => time
                    .within(addresses(resolver, domain))
                    .await
                    .unwrap_or_else(|late| Err(late.to_string())),
            };
            (domain, found)
        })
        .collect();
    let mut all = stream::iter(all).buffered(WIDTH);
    let mut found = Vec::new();
    while let Some((domain, addresses)) = all.next().await {
        let addresses = match addresses {
            Ok(addresses) => addresses,
            Err(problem) => {
                tell(Finding::bad(
                    format!("cannot resolve {domain}: {problem}"),
                    "the name servers of the domain or this host's resolver fail; dig shows which. (A missing record has another message.)",
                ));
                continue;
            }
        };
        match identifier::address(domain) {
            Some(address) => tell(is_here(address)),
            None => tell(belongs_here(domain, &addresses)),
        }
        if !addresses.is_empty() {
            found.push((domain.clone(), addresses));
        }
    }
    found
}

/// None where the name has no address; an error where that cannot be known.
async fn addresses(resolver: &TokioResolver, domain: &str) -> Result<Vec<IpAddr>, String> {
    // The system's own way first: it knows /etc/hosts.
    let mut all: Vec<IpAddr> = Vec::new();
    let mut problem = None;
    for kind in [RecordType::A, RecordType::AAAA] {
        let lookup = match resolver.lookup(format!("{domain}."), kind).await {
            Ok(lookup) => lookup,
            Err(error) => {
                problem = problem.or_else(|| (!error.is_no_records_found()).then(|| error.to_string()));
                continue;
            }
        };
        all.extend(lookup.answers().iter().filter_map(|record| match record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        }));
    }
    if all.is_empty()
        && let Ok(system) = tokio::net::lookup_host((domain, 443)).await
    {
        all.extend(system.map(|address| address.ip()));
        all.dedup();
    }
    match problem {
        Some(problem) if all.is_empty() => Err(problem),
        _ => Ok(all),
    }
}

/// A CA asks an address itself: no record, and no CAA, is about it.
fn is_here(address: IpAddr) -> Finding {
    if is_ours(address) {
        return Finding::good(format!("{address} is an address of this host"));
    }
    Finding::warning(
        format!("{address} is not an address of this host"),
        "this is normal behind NAT or a load balancer; otherwise correct `domains` in [server]",
    )
}

fn belongs_here(domain: &str, addresses: &[IpAddr]) -> Finding {
    if addresses.is_empty() {
        let remedy = "add an A record for it, and an AAAA record if the host has IPv6";
        return Finding::bad(format!("{domain} does not resolve"), remedy);
    }
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let foreign: Vec<_> = addresses.iter().filter(|address| !is_ours(**address)).collect();
    if foreign.is_empty() {
        return Finding::good(format!("{domain} is {list}, which is this host"));
    }
    let foreign = foreign.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Finding::warning(
        format!("{domain} is {list}; {foreign} is not an address of this host"),
        "this is normal behind NAT or a load balancer; otherwise correct the record: the CA may ask each of its addresses",
    )
}

/// Whether an address is one of this host's interfaces: only then can a socket be bound to it.
pub(super) fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Verdict, denied};

    #[test]
    fn an_address_of_this_host_is_told_from_another() {
        let verdict = |list: &[&str]| {
            let addresses: Vec<IpAddr> = list.iter().map(|text| text.parse().unwrap()).collect();
            belongs_here("a.example", &addresses).verdict
        };
        assert_eq!(verdict(&["127.0.0.1"]), Verdict::Good);
        assert_eq!(verdict(&["127.0.0.1", "192.0.2.1"]), Verdict::Warning);
        assert_eq!(verdict(&[]), Verdict::Bad);
        let own = |text: &str| is_here(text.parse().unwrap()).verdict;
        assert_eq!((own("127.0.0.1"), own("192.0.2.1")), (Verdict::Good, Verdict::Warning));
        denied("{address} is an address of this host", &is_here("192.0.2.1".parse().unwrap()));
        let elsewhere = belongs_here("a.example", &["192.0.2.1".parse().unwrap()]);
        denied("{domain} is {list}, which is this host", &elsewhere);
    }
}
