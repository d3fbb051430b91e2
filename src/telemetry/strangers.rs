//! Calls that nothing vouches for, which anybody can make in any number: the first ones are lines of the log, the others
//! are counted, and a line says how many there were. So no flood hides the lines of deliveries, and none fills the journal.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{Level, debug, info, warn};

use super::DELIVERY;

/// How long calls are counted before their sums are told.
const PERIOD: Duration = Duration::from_secs(10);
/// Lines of calls of one kind at one hook from one address, in a period.
const OF_ADDRESS: usize = 5;
/// Lines of all calls in a period, beside the first of each kind at each hook. Those of `--log debug` are counted apart.
const OF_ALL: usize = 20;
/// Addresses that are told apart in a period.
const ADDRESSES: usize = 4096;

/// What was called in this period.
#[derive(Default)]
pub struct Strangers {
    state: Mutex<State>,
    held_back: Notify,
}

#[derive(Default)]
struct State {
    /// When the period ends; `None` before the first call.
    end: Option<Instant>,
    /// By kind, and by hook. Both come from us and from the configuration.
    groups: HashMap<&'static str, HashMap<String, Group>>,
    /// Lines that were written: of `--log debug`, and of the others.
    written: [usize; 2],
    addresses: usize,
}

/// Calls of one kind at one hook.
struct Group {
    level: Level,
    /// From whom the lines that were written are; as many as those at most.
    written: Vec<IpAddr>,
    held_back: u64,
    /// From whom those are that were held back; as many as [`ADDRESSES`] for all groups.
    from: HashSet<IpAddr>,
    are_more: bool,
}

/// A sum, to be told.
struct Sum {
    kind: &'static str,
    hook: String,
    group: Group,
}

impl Strangers {
    /// Whether this call has a line of its own; otherwise it is counted. `hook` is empty where the call reached none.
    pub fn has_line(&self, kind: &'static str, hook: &str, level: Level, from: IpAddr) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let over = state.end.is_none_or(|end| now >= end).then(|| state.begin(now));
        let (has_line, is_first) = state.count(kind, hook, level, network(from));
        drop(state);
        over.into_iter().flatten().for_each(Sum::tell);
        if is_first {
            self.held_back.notify_one();
        }
        has_line
    }

    /// Tells the sums of each period in which something was held back. Nothing wakes it while nobody calls.
    pub async fn tell_sums(&self) {
        loop {
            self.held_back.notified().await;
            let end = self.lock().end;
            sleep_until(end.unwrap_or_else(Instant::now)).await;
            let (now, mut state) = (Instant::now(), self.lock());
            // Where a call came first, it told the sums: the period is another.
            if state.end.is_some_and(|end| now >= end) {
                let sums = state.begin(now);
                drop(state);
                sums.for_each(Sum::tell);
            }
        }
    }

    /// Tells the sums of now, at the end of the server.
    pub fn tell(&self) {
        let sums = self.lock().begin(Instant::now());
        sums.for_each(Sum::tell);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A new period. Gives what was held back in the one before.
    fn begin(&mut self, now: Instant) -> impl Iterator<Item = Sum> + use<> {
        let before = std::mem::replace(self, Self { end: Some(now + PERIOD), ..Self::default() });
        let of_kind = |(kind, hooks): (_, HashMap<String, Group>)| {
            hooks.into_iter().map(move |(hook, group)| Sum { kind, hook, group })
        };
        before.groups.into_iter().flat_map(of_kind).filter(|sum| sum.group.held_back > 0)
    }

    /// Whether a call has a line, and whether it is the first of its group that has none.
    fn count(&mut self, kind: &'static str, hook: &str, level: Level, from: IpAddr) -> (bool, bool) {
        let hooks = self.groups.entry(kind).or_default();
        if !hooks.contains_key(hook) {
            hooks.insert(hook.to_owned(), Group::new(level));
        }
        let Some(group) = hooks.get_mut(hook) else { return (true, false) };
        let written = &mut self.written[usize::from(level != Level::DEBUG)];
        let of_address = group.written.iter().filter(|known| **known == from).count();
        if group.written.is_empty() || (of_address < OF_ADDRESS && *written < OF_ALL) {
            group.written.push(from);
            *written += 1;
            return (true, false);
        }
        group.held_back += 1;
        if !group.from.contains(&from) {
            if self.addresses < ADDRESSES {
                self.addresses += 1;
                group.from.insert(from);
            } else {
                group.are_more = true;
            }
        }
        (false, group.held_back == 1)
    }
}

impl Group {
    fn new(level: Level) -> Self {
        Self { level, written: Vec::new(), held_back: 0, from: HashSet::new(), are_more: false }
    }
}

impl Sum {
    fn tell(self) {
        let Self { kind, hook, group: Group { level, held_back: calls, from, are_more, .. } } = self;
        let of = if hook.is_empty() { String::new() } else { format!(" of {hook}") };
        let (more, addresses) = (if are_more { "more than " } else { "" }, from.len() as u64);
        let one =
            from.iter().next().map(|address| format!(", one is {}", shown(*address))).unwrap_or_default();
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: DELIVERY,
                    hook,
                    kind,
                    calls,
                    addresses,
                    "calls{of} without a line of their own: {calls} {kind}; addresses: {more}{addresses}{one}"
                )
            };
        }
        match level {
            Level::WARN => line!(warn),
            Level::INFO => line!(info),
            _ => line!(debug),
        }
    }
}

/// Whom an address belongs to: of IPv6, anybody has a network of 64 bits for one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn shown(network: IpAddr) -> String {
    if network.is_ipv6() { format!("{network}/64") } else { network.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    /// How many lines so many calls have.
    fn lines(
        strangers: &Strangers,
        kind: &'static str,
        hook: &str,
        from: impl Iterator<Item = IpAddr>,
    ) -> usize {
        from.filter(|from| strangers.has_line(kind, hook, Level::INFO, *from)).count()
    }

    fn sums(strangers: &Strangers) -> Vec<(&'static str, String, u64, usize, bool)> {
        let mut sums: Vec<_> = strangers
            .lock()
            .begin(Instant::now())
            .map(|sum| (sum.kind, sum.hook, sum.group.held_back, sum.group.from.len(), sum.group.are_more))
            .collect();
        sums.sort();
        sums
    }

    #[tokio::test(start_paused = true)]
    async fn lines_and_sums_add_up_whatever_comes() {
        let strangers = Strangers::default();
        let one = |count| std::iter::repeat_n(address(1), count);
        assert_eq!(lines(&strangers, "forged", "a", one(1_000)), OF_ADDRESS);
        assert_eq!(lines(&strangers, "forged", "b", (0..1_000).map(address)), OF_ALL - OF_ADDRESS);
        assert_eq!(
            lines(&strangers, "no_hook", "", one(10)),
            1,
            "the first has a line, however many were before"
        );
        assert!(strangers.has_line("handshake", "", Level::DEBUG, address(1)), "those are counted apart");
        let expected = [
            ("forged", "a".to_owned(), 995, 1, false),
            ("forged", "b".to_owned(), 985, 985, false),
            ("no_hook", String::new(), 9, 1, false),
        ];
        assert_eq!(sums(&strangers), expected);
        assert_eq!(lines(&strangers, "forged", "a", one(9)), OF_ADDRESS, "a new period");
        tokio::time::advance(PERIOD).await;
        assert_eq!(lines(&strangers, "forged", "a", one(9)), OF_ADDRESS, "it ends by itself");
        assert_eq!(sums(&strangers), [("forged", "a".to_owned(), 4, 1, false)]);
    }

    #[tokio::test(start_paused = true)]
    async fn foreign_addresses_take_no_more_memory_than_there_is_for_them() {
        let strangers = Strangers::default();
        let most = u32::try_from(ADDRESSES).unwrap();
        lines(&strangers, "forged", "a", (0..3 * most).map(address));
        lines(&strangers, "forged", "b", (0..3 * most).map(address));
        let all = sums(&strangers);
        let known: usize = all.iter().map(|(.., known, _)| known).sum();
        assert_eq!((known, all.iter().all(|(.., are_more)| *are_more)), (ADDRESSES, true));
        let of_one =
            |number: u64| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(number)));
        lines(&strangers, "forged", "a", (0..1_000).map(of_one));
        assert_eq!(sums(&strangers), [("forged", "a".to_owned(), 995, 1, false)], "one network");
        assert_eq!(shown(network(of_one(7))), "2001:db8::/64");
        assert_eq!(shown(network("::ffff:192.0.2.7".parse().unwrap())), "192.0.2.7");
    }

    #[tokio::test(start_paused = true)]
    async fn sums_are_told_at_the_end_of_a_period_and_nothing_wakes_an_idle_server() {
        let strangers = std::sync::Arc::new(Strangers::default());
        let _telling = crate::tasks::owned({
            let strangers = std::sync::Arc::clone(&strangers);
            async move { strangers.tell_sums().await }
        });
        lines(&strangers, "forged", "a", std::iter::repeat_n(address(1), 9));
        tokio::time::sleep(PERIOD.mul_f64(0.999)).await;
        assert!(!strangers.lock().groups.is_empty());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(strangers.lock().groups.is_empty(), "it was told");
        let end = strangers.lock().end;
        tokio::time::sleep(100 * PERIOD).await;
        assert_eq!(strangers.lock().end, end, "nothing was done meanwhile");
    }
}
