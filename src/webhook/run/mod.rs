//! A verified body through the hook's steps, under one deadline.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | a place among the hook's deliveries, a deadline, and the thread; a panic costs this delivery |
//! | `once.rs` | the same `request_id` runs once |
//! | `steps.rs` | the steps, one after another |

mod once;
mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};

use crate::forward::Original;
use crate::inspector::Trace;
use crate::rossum::{MessageType, Payload, Unreadable};
use crate::signature::VerifiedBody;
use crate::slices::{sliced, timed};
use crate::steps::{Answer, Delivery};
use crate::telemetry::spans::StepSpan;

use super::hook::Hook;
use super::refusal::Refusal;
use super::under_way::Entry;

/// Bodies from this size are read and evaluated in slices off the serving threads: some 200 µs of work that no small
/// delivery behind them shall wait for.
const LARGE_BODY: usize = 100_000;

/// How long a verified delivery waits for one of its hook's places before it gets 503.
const WAIT_FOR_PLACE: Duration = Duration::from_secs(2);

/// What became of a delivery, for the caller and for the log.
pub(super) struct Outcome {
    pub(super) result: Result<Bytes, Refusal>,
    pub(super) facts: Facts,
}

/// What a log line says of a delivery once it is read.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) event: String,
    /// The event as Rossum documents it.
    pub(super) known_event: Option<&'static str>,
    pub(super) annotation: String,
    pub(super) request_id: Option<String>,
    pub(super) messages: usize,
    pub(super) operations: usize,
    /// Messages of the kind `error`.
    pub(super) errors: usize,
    pub(super) note: Option<&'static str>,
    /// Whether it was answered before, and is answered so again.
    pub(super) is_repeated: bool,
    /// Whether a step failed, so that its answer is worth little.
    pub(super) has_failed: bool,
    /// How long each step took, where deliveries are exported as spans.
    pub(super) steps: Option<Vec<StepSpan>>,
    /// What the steps did, where somebody looks.
    pub(super) trace: Option<Box<Trace>>,
    /// What the log would say of the steps, where a person tries the hook.
    pub(super) said: Option<Vec<String>>,
}

impl Facts {
    /// Says something of a step to who tries the hook, once.
    fn say(&mut self, step: &str, words: impl FnOnce() -> String) {
        let Some(said) = &mut self.said else { return };
        let line = format!("{step}: {}", words());
        if !said.contains(&line) {
            said.push(line);
        }
    }

    fn count(&mut self, answer: &Answer) {
        let errors = answer.messages().iter().filter(|message| message.kind == MessageType::Error);
        (self.messages, self.errors) = (answer.messages().len(), errors.count());
        self.operations = answer.journal.operations_len();
    }

    /// The id that the answer is kept by: a failure is run again where somebody develops the hook.
    fn kept<'i>(&self, hook: &Hook, id: Option<&'i str>) -> Option<&'i str> {
        id.filter(|_| !(hook.is_developed && self.has_failed))
    }

    fn read(&mut self, payload: &Payload<'_>) {
        self.event = payload.event.to_string();
        self.known_event = payload.event.known();
        self.annotation = payload.annotation_id.to_string();
        self.request_id = payload.request_id.as_deref().map(str::to_owned);
    }
}

/// How a delivery is run.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// Whether somebody looks at what the steps do.
    pub(super) is_watched: bool,
    /// Whether it is run although it was run before: somebody sent it again.
    pub(super) is_again: bool,
    /// Whether it is exported as a span.
    pub(super) is_exported: bool,
    /// How it came, where a step asks for that.
    pub(super) head: Option<Arc<Original>>,
}

/// Runs a delivery: a small one where it is, a large one in slices off the serving threads. Every wait ends at
/// the hook's `timeout`; a panic in a step costs this delivery and nothing else.
pub(super) async fn run(hook: &Hook, body: VerifiedBody, way: Way, entry: &Entry) -> Outcome {
    let arrived = Instant::now();
    let Ok(Ok(_place)) = timeout(WAIT_FOR_PLACE, hook.permits.acquire()).await else {
        return Outcome::refused(Refusal::Overloaded(
            "the hook already has its largest number of running deliveries",
        ));
    };
    let started = Instant::now();
    let deadline = started + hook.limits.timeout;
    let steps = way.is_exported.then(Vec::new);
    let mut facts = Facts { steps, ..Facts::default() };
    if way.is_watched {
        facts.trace = Some(Box::new(Trace { waited: started - arrived, ..Trace::default() }));
    }
    let _under_way = hook.metrics.begin(body.bytes().len());
    let is_small = body.bytes().len() < LARGE_BODY;
    let work = deliver(hook, body, deadline, &mut facts, (way, entry));
    let result = if is_small {
        Caught(Box::pin(work)).await
    } else {
        // The steps keep the deadline themselves; this one is for the wait for a core.
        let work = timeout_at(deadline, Caught(Box::pin(sliced(work))));
        work.await.unwrap_or(Err(Refusal::OutOfTime))
    };
    Outcome { result, facts }
}

type Answered = Result<Bytes, Refusal>;

/// A delivery whose panic becomes a refusal. (A task of its own would do too, but waking a second thread for it
/// costs a small delivery a tenth of its time.)
struct Caught<F>(Pin<Box<F>>);

impl<F: Future<Output = Answered>> Future for Caught<F> {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Answered> {
        // Nothing that the panic may have left half done is looked at again: the delivery is dropped.
        catch_unwind(AssertUnwindSafe(|| timed(|| self.0.as_mut().poll(context))))
            .unwrap_or(Poll::Ready(Err(Refusal::Panicked)))
    }
}

impl Outcome {
    fn refused(refusal: Refusal) -> Self {
        Self { result: Err(refusal), facts: Facts::default() }
    }
}

/// What is to be known of a delivery before it runs; `None` where somebody waits at the screen for it, or it cannot be read.
pub(super) async fn glance(body: &VerifiedBody) -> Option<Facts> {
    let read = async {
        let delivery = Delivery::read(body).ok()?;
        let mut facts = Facts::default();
        facts.read(&delivery.payload);
        Some(facts).filter(|_| !delivery.payload.event.is_interactive())
    };
    if body.bytes().len() < LARGE_BODY { read.await } else { sliced(read).await }
}

async fn deliver(
    hook: &Hook,
    body: VerifiedBody,
    deadline: Instant,
    facts: &mut Facts,
    (way, entry): (Way, &Entry),
) -> Answered {
    let delivery = match Delivery::read(&body) {
        Ok(delivery) => delivery.that_came(way.head.as_deref()),
        Err(Unreadable { problem, request_id }) => {
            facts.request_id = request_id;
            entry.read(facts);
            return Err(Refusal::Payload(problem));
        }
    };
    let payload = &delivery.payload;
    facts.read(payload);
    entry.read(facts);
    // One that comes back to this server would wait for itself.
    let is_loop = way.head.as_deref().is_some_and(Original::came_from_here);
    let can_repeat = !payload.event.is_interactive() && !way.is_again && !is_loop;
    match payload.request_id.as_deref().filter(|id| !id.is_empty() && can_repeat) {
        Some(id) => once::run(hook, id, &delivery, deadline, facts).await,
        None => steps::run(hook, &delivery, None, deadline, facts).await,
    }
}

/// The answer to a delivery that Rossum did not send, with what is said of the steps: nothing is kept of it.
pub(super) async fn try_out(hook: &Hook, body: VerifiedBody) -> Result<(Bytes, Vec<String>), Refusal> {
    let delivery = Delivery::read(&body).map_err(|unreadable| Refusal::Payload(unreadable.problem))?;
    let mut facts = Facts { said: Some(Vec::new()), ..Facts::default() };
    let deadline = Instant::now() + hook.limits.timeout;
    let answer = steps::run(hook, &delivery, None, deadline, &mut facts).await?;
    Ok((answer, facts.said.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::rossum::MessageType;
    use crate::secret::Secret;
    use crate::signature::{Algorithm, Keys, LegacySha1, sign};
    use crate::steps::blueprint::Needs;
    use crate::steps::schema::Schemas;
    use crate::steps::{Context, OnError, Stage, Step, StepError, StepFuture};
    use crate::webhook::under_way::DeliveriesUnderWay;
    use crate::webhook::{BuiltHook, HookLimits, HookSettings};

    async fn run(hook: &Hook, body: VerifiedBody, way: Way) -> Outcome {
        super::run(hook, body, way, &DeliveriesUnderWay::default().begin(&hook.whose)).await
    }

    const WAY: Way = Way { is_watched: true, is_again: false, is_exported: false, head: None };

    /// What a step of a test does.
    enum Does {
        Hang,
        Panic,
        Fail,
        Count(Arc<AtomicUsize>),
    }

    impl Step for Does {
        fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
            Box::pin(async move {
                context.answer.show(MessageType::Info, None, "half done");
                match self {
                    Self::Hang => std::future::pending().await,
                    Self::Panic => panic!("a mistake in a step"),
                    Self::Fail => Err(StepError::configuration("<it> fails")),
                    Self::Count(count) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        Ok(())
                    }
                }
            })
        }
    }

    fn hook(steps: Vec<Does>, on_error: OnError, in_flight: usize) -> Arc<Hook> {
        let stage = |step| Stage {
            name: "test".into(),
            step: Box::new(step),
            needs: Needs::default(),
            events: None,
            on_error,
            names: Vec::new(),
            schema: None,
            computes_as_rossum: false,
            service: None,
        };
        let settings = HookSettings {
            schemas: Schemas::default(),
            name: "test".into(),
            path: "/test".into(),
            domain: None,
            demands_certificate: false,
            secrets: vec![Secret::new(*b"k")],
            secret_file: None,
            secret_source: String::new(),
            legacy: LegacySha1::Refused,
            limits: HookLimits { in_flight, ..HookLimits::default() },
            answers: crate::webhook::Answers::Direct,
            record: None,
            is_developed: false,
        };
        let stages = steps.into_iter().map(stage).collect();
        Arc::new(Hook::new(
            BuiltHook { settings, stages, memory: None },
            &crate::telemetry::Metrics::new(std::time::SystemTime::UNIX_EPOCH),
        ))
    }

    fn verified(size: usize) -> VerifiedBody {
        let secret = Secret::new(*b"k");
        let body = Bytes::from(format!("{{\"request_id\": \"r-1\"{}}}", " ".repeat(size)));
        let keys = Keys::new([&secret], LegacySha1::Refused);
        let header = sign(Algorithm::Sha256, &secret, &body);
        let claim = keys.claim(Some(header.as_bytes()), None).unwrap();
        let mut verifier = keys.verifier(claim);
        verifier.update(&body);
        verifier.finish(vec![body]).unwrap_or_else(|_| panic!("signed just now"))
    }

    fn content(outcome: Outcome) -> serde_json::Value {
        serde_json::from_slice(&outcome.result.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_ends_with_504_at_the_deadline() {
        let start = Instant::now();
        let outcome = run(&hook(vec![Does::Hang], OnError::Continue, 1), verified(0), WAY).await;
        assert!(matches!(outcome.result, Err(Refusal::OutOfTime)));
        assert_eq!(outcome.facts.request_id.as_deref(), Some("r-1"));
        assert_eq!(start.elapsed().as_secs(), HookLimits::default().timeout.as_secs());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_panic_costs_one_delivery_whatever_its_size() {
        let count = Arc::new(AtomicUsize::new(0));
        for size in [0, LARGE_BODY] {
            let outcome = run(&hook(vec![Does::Panic], OnError::Continue, 1), verified(size), WAY).await;
            assert!(matches!(outcome.result, Err(Refusal::Panicked)));
            let good = hook(vec![Does::Count(Arc::clone(&count))], OnError::Continue, 1);
            assert!(run(&good, verified(size), WAY).await.result.is_ok());
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn after_a_failure_the_configuration_decides_whether_to_go_on() {
        for (on_error, expected) in [(OnError::Continue, 1), (OnError::Stop, 0)] {
            let count = Arc::new(AtomicUsize::new(0));
            let steps = vec![Does::Fail, Does::Count(Arc::clone(&count))];
            let answer = content(run(&hook(steps, on_error, 1), verified(0), WAY).await);
            assert_eq!(count.load(Ordering::Relaxed), expected);
            let messages = answer["messages"].as_array().unwrap();
            assert_eq!(messages.len(), 1 + expected, "what the failed step had shown is taken back");
            assert!(messages[0]["content"].as_str().unwrap().contains("&lt;it&gt; fails"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_with_all_its_places_taken_is_overloaded_after_a_short_wait() {
        let busy = hook(vec![Does::Hang], OnError::Continue, 1);
        let first = crate::tasks::owned({
            let busy = Arc::clone(&busy);
            async move { run(&busy, verified(0), WAY).await }
        });
        tokio::task::yield_now().await;
        let outcome = run(&busy, verified(0), WAY).await;
        assert!(matches!(outcome.result, Err(Refusal::Overloaded(_))));
        assert!(!first.is_finished());
    }
}
