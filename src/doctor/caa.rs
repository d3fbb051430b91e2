//! CAA records: do they let the CA issue, for our account and by our challenge? (RFC 8659, RFC 8657)

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::rdata::CAA;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::tls::identifier;

use super::{Finding, Time};

/// What is compared with the records.
pub(super) struct Ours<'o> {
    /// The CA's names in CAA records; any if empty.
    pub(super) identities: &'o [String],
    /// URL of our account there, where one is known.
    pub(super) account: Option<&'o str>,
    /// Challenges that an order may use, by their names in RFC 8555.
    pub(super) challenges: &'o [&'static str],
}

/// Looks at the records of all names, where the CA says its own.
pub(super) async fn look(domains: &[String], ours: &Ours<'_>, time: Time, tell: &(impl Fn(Finding) + Sync)) {
    // What keeps the resolver from being used is said where the names are resolved.
    let resolver = TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
    let Ok(resolver) = resolver else { return };
    let names = domains.iter().filter(|domain| identifier::address(domain).is_none());
    let checks = names.map(|domain| async {
        let (below, is_wildcard) = identifier::without_wildcard(domain);
        let found = time.within(allowed(&resolver, below, is_wildcard, ours)).await;
        let late = |late| {
            Some(Finding::warning(
                format!("not checked: the CAA records of {below}: {late}"),
                "the name servers of the domain or this host's resolver are slow. A CA that gets no answer refuses to issue",
            ))
        };
        found.unwrap_or_else(late).into_iter().collect()
    });
    super::side_by_side(checks.collect(), tell).await;
}

/// Looks at the records of the name, or of the nearest domain above it that has some. `None` where the CA does not say its name.
async fn allowed(
    resolver: &TokioResolver,
    domain: &str,
    is_wildcard: bool,
    ours: &Ours<'_>,
) -> Option<Finding> {
    if ours.identities.is_empty() {
        return None;
    }
    let mut name = domain;
    while !name.is_empty() {
        match resolver.lookup(format!("{name}."), RecordType::CAA).await {
            Ok(lookup) => {
                let records = lookup.answers().iter().filter_map(|record| match &record.data {
                    RData::CAA(caa) => Some(caa),
                    _ => None,
                });
                let records: Vec<&CAA> = records.collect();
                if !records.is_empty() {
                    return Some(judged(name, &records, is_wildcard, ours));
                }
            }
            Err(error) if error.is_no_records_found() => {}
            Err(error) => return Some(unknown(name, &error)),
        }
        name = name.split_once('.').map_or("", |(_, parent)| parent);
    }
    Some(Finding::good(format!("no CAA record keeps a CA from issuing for {domain}")))
}

/// No answer is no absence: a CA that gets none must refuse.
fn unknown(name: &str, error: &NetError) -> Finding {
    let what = format!("cannot look up the CAA records of {name}: {error}");
    if matches!(error, NetError::Dns(_)) {
        return Finding::bad(
            what,
            format!("a CA then refuses to issue: correct the answers of the name servers of {name}"),
        );
    }
    Finding::warning(what, "not checked. A CA that gets no answer refuses to issue")
}

fn judged(name: &str, records: &[&CAA], is_wildcard: bool, ours: &Ours<'_>) -> Finding {
    let known = ["issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc"];
    let tag = |caa: &CAA| caa.tag.to_ascii_lowercase();
    if let Some(caa) = records.iter().find(|caa| caa.issuer_critical && !known.contains(&&*tag(caa))) {
        return Finding::bad(
            format!("a CAA record of {name} has the critical tag `{}`, which CAs do not know", caa.tag),
            "remove it, or clear its critical flag",
        );
    }
    // For a wildcard `issuewild` counts alone, where there is one (RFC 8659 section 4.3).
    let is_wild = is_wildcard && records.iter().any(|caa| tag(caa) == "issuewild");
    let wanted = if is_wild { "issuewild" } else { "issue" };
    let values = records.iter().filter(|caa| tag(caa) == wanted);
    let issuers: Vec<Issuer> = values.map(|caa| Issuer::read(&String::from_utf8_lossy(&caa.value))).collect();
    let identity = &ours.identities[0];
    if issuers.is_empty() {
        return Finding::good(format!("the CAA records of {name} keep no CA from issuing"));
    }
    let (of_ours, others): (Vec<_>, Vec<_>) = issuers.iter().partition(|issuer| {
        ours.identities.iter().any(|identity| identity.eq_ignore_ascii_case(&issuer.domain))
    });
    if of_ours.is_empty() {
        let mut others: Vec<&str> = others.iter().map(|issuer| &*issuer.domain).collect();
        others.retain(|domain| !domain.is_empty());
        let who =
            if others.is_empty() { "no CA at all".to_owned() } else { format!("only {}", others.join(", ")) };
        return Finding::bad(
            format!("the CAA records of {name} allow {who}"),
            format!("add: {name}. CAA 0 {wanted} \"{identity}\""),
        );
    }
    let against: Vec<Against> = of_ours.iter().filter_map(|issuer| issuer.against(ours)).collect();
    if against.len() < of_ours.len() {
        return Finding::good(format!("the CAA records of {name} allow {identity}"));
    }
    match against.into_iter().next() {
        Some(Against::Account { wanted, own: Some(own) }) => Finding::bad(
            format!(
                "the CAA records of {name} allow {identity} for the account {wanted} only; the account of Annex is {own}"
            ),
            format!("write `accounturi={own}` in the record, or remove `accounturi`"),
        ),
        Some(Against::Account { wanted, own: None }) => Finding::warning(
            format!(
                "the CAA records of {name} allow {identity} for the account {wanted} only; Annex does not know yet whether that is its own"
            ),
            "once there is a certificate, `annex status --json` shows the URL of the account",
        ),
        Some(Against::Methods(methods)) => Finding::bad(
            format!(
                "the CAA records of {name} allow {identity} by {methods} only; Annex uses {}",
                ours.challenges.join(" or ")
            ),
            format!("write `validationmethods={}` in the record, or remove it", ours.challenges.join(",")),
        ),
        None => Finding::good(format!("the CAA records of {name} allow {identity}")),
    }
}

/// The value of an `issue` record: a CA, and what else must be so.
struct Issuer {
    domain: String,
    account: Option<String>,
    methods: Option<String>,
}

/// Why a record that names our CA does not allow us.
enum Against {
    Account { wanted: String, own: Option<String> },
    Methods(String),
}

impl Issuer {
    /// `domain; accounturi=…; validationmethods=a,b`
    fn read(value: &str) -> Self {
        let mut parts = value.split(';').map(str::trim);
        let domain = parts.next().unwrap_or_default().to_owned();
        let mut issuer = Self { domain, account: None, methods: None };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "accounturi" => issuer.account = Some(value.trim().to_owned()),
                "validationmethods" => issuer.methods = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        issuer
    }

    fn against(&self, ours: &Ours<'_>) -> Option<Against> {
        if let Some(methods) = &self.methods
            && !methods
                .split(',')
                .any(|method| ours.challenges.iter().any(|one| one.eq_ignore_ascii_case(method.trim())))
        {
            return Some(Against::Methods(methods.clone()));
        }
        let wanted = self.account.as_ref().filter(|account| Some(account.as_str()) != ours.account)?;
        Some(Against::Account { wanted: wanted.clone(), own: ours.account.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use hickory_resolver::config::{NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::Record;

    use super::*;
    use crate::doctor::Verdict;
    use crate::doctor::denied;
    use crate::tls::identifier;

    const ACCOUNT: &str = "https://ca.example/acct/7";

    fn ours(identities: &[String]) -> Ours<'_> {
        Ours { identities, account: Some(ACCOUNT), challenges: &["tls-alpn-01", "http-01"] }
    }

    fn record(is_critical: bool, tag: &str, value: &str) -> CAA {
        let mut record = CAA::new_issue(is_critical, None, Vec::new());
        record.tag = tag.to_owned();
        record.value = value.as_bytes().to_vec();
        record
    }

    /// A name server that has these CAA records for `x.test`, none for what is above it, and fails for `broken.test`.
    fn name_server(records: Vec<(bool, &'static str, String)>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let asked = Message::from_vec(&bytes[..length]).unwrap();
                let query = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                answer.add_query(query.clone());
                match query.name().to_ascii().as_str() {
                    "broken.test." => answer.metadata.response_code = ResponseCode::ServFail,
                    "x.test." => {
                        for (is_critical, tag, value) in &records {
                            let caa = RData::CAA(record(*is_critical, tag, value));
                            answer.add_answer(Record::from_rdata(query.name().clone(), 60, caa));
                        }
                    }
                    _ => {}
                }
                let _ = socket.send_to(&answer.to_vec().unwrap(), from);
            }
        });
        address
    }

    async fn looked(domain: &str, records: Vec<(bool, &'static str, String)>) -> Finding {
        let (below, is_wildcard) = identifier::without_wildcard(domain);
        let address = name_server(records);
        let mut server = NameServerConfig::udp(address.ip());
        server.connections[0].port = address.port();
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let identities = ["ca.example".to_owned()];
        allowed(&resolver.build().unwrap(), below, is_wildcard, &ours(&identities)).await.unwrap()
    }

    #[tokio::test]
    async fn what_the_records_say_decides_and_no_answer_is_no_absence() {
        let issue = |value: &str| (false, "issue", value.to_owned());
        let rows: [(&str, Vec<_>, Verdict, &str); 17] = [
            ("x.test", vec![], Verdict::Good, "no CAA record"),
            ("x.test", vec![issue("ca.example")], Verdict::Good, "allow ca.example"),
            ("www.x.test", vec![issue("CA.example")], Verdict::Good, "records of x.test allow"),
            ("x.test", vec![issue("other.example")], Verdict::Bad, "allow only other.example"),
            ("x.test", vec![issue(";")], Verdict::Bad, "allow no CA at all"),
            ("x.test", vec![(false, "issuewild", "other.example".to_owned())], Verdict::Good, "keep no CA"),
            ("x.test", vec![(true, "future", "1".to_owned())], Verdict::Bad, "critical tag `future`"),
            ("x.test", vec![issue(&format!("ca.example; accounturi={ACCOUNT}"))], Verdict::Good, "allow"),
            (
                "x.test",
                vec![issue("ca.example; accounturi=https://ca.example/acct/8")],
                Verdict::Bad,
                "the account of Annex is",
            ),
            ("x.test", vec![issue("ca.example; validationmethods=dns-01")], Verdict::Bad, "by dns-01 only"),
            ("x.test", vec![issue("ca.example; validationmethods=dns-01,http-01")], Verdict::Good, "allow"),
            (
                "x.test",
                vec![issue("ca.example; validationmethods=dns-01"), issue("ca.example")],
                Verdict::Good,
                "allow ca.example",
            ),
            ("broken.test", vec![], Verdict::Bad, "cannot look up"),
            ("x.test", vec![issue("ca.example; validationmethods=TLS-ALPN-01")], Verdict::Good, "allow"),
            (
                "*.x.test",
                vec![issue("ca.example"), (false, "issuewild", "other.example".to_owned())],
                Verdict::Bad,
                "allow only other.example",
            ),
            (
                "*.x.test",
                vec![(false, "issuewild", "ca.example".to_owned()), issue(";")],
                Verdict::Good,
                "allow",
            ),
            ("*.x.test", vec![issue("ca.example")], Verdict::Good, "allow"),
        ];
        for (domain, records, verdict, said) in rows {
            let shown = format!("{domain} {records:?}");
            let found = looked(domain, records).await;
            assert_eq!(found.verdict, verdict, "{shown}: {found:?}");
            assert!(found.what.contains(said), "{shown}: {found:?}");
        }
        let broken = looked("broken.test", vec![]).await;
        denied("no CAA record keeps a CA from issuing for {domain}", &broken);
        let unknown = looked("x.test", vec![(true, "future", "1".to_owned())]).await;
        denied("the CAA records of {name} keep no CA from issuing", &unknown);
        let other = looked("x.test", vec![issue("other.example")]).await;
        denied("the CAA records of {name} allow {identity}", &other);
    }

    #[test]
    fn an_account_that_is_not_known_yet_is_no_tick() {
        let identities = ["ca.example".to_owned()];
        let record = record(false, "issue", &format!("ca.example; accounturi={ACCOUNT}"));
        let ours = Ours { account: None, ..ours(&identities) };
        assert_eq!(judged("x.test", &[&record], false, &ours).verdict, Verdict::Warning);
    }
}
