//! A verified body through the hook's steps, in order, under one deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{error, warn};

use crate::inspector::Trace;
use crate::rossum::{MessageType, Unreadable, escape_html};
use crate::signature::VerifiedBody;
use crate::steps::reasons::Reasons;
use crate::steps::{Answer, Context, Delivery, OnError};

use super::hook::Hook;
use super::keeping;
use super::refusal::Refusal;
use super::repeats::Arrival;
use super::witness;

/// Bodies from this size are read and evaluated off the reactor: some 200 µs of work that no small delivery
/// behind them shall wait for.
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
    pub(super) note: Option<&'static str>,
    /// What the steps did, where somebody looks.
    pub(super) trace: Option<Box<Trace>>,
}

/// How a delivery is run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    /// Whether somebody looks at what the steps do.
    pub(super) is_watched: bool,
    /// Whether it is run although it was run before: somebody sent it again.
    pub(super) is_again: bool,
}

/// Runs deliveries: small ones where they are; large ones, a few at a time, on a thread whose other tasks move to
/// another. (The bytes are still in this core's cache: handing them to a second thread costs some 5 % more.)
pub(super) struct Dispatch {
    large: Semaphore,
}

impl Dispatch {
    /// One core stays free for the reactor, where there are several.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { large: Semaphore::new(cores.saturating_sub(1).max(1)) }
    }

    /// A panic in a step costs this delivery and nothing else.
    pub(super) async fn run(&self, hook: &Arc<Hook>, body: VerifiedBody, way: Way) -> Outcome {
        let arrived = Instant::now();
        let Ok(Ok(_place)) = timeout(WAIT_FOR_PLACE, hook.permits.acquire()).await else {
            return Outcome::refused(Refusal::Overloaded("as many deliveries in work as the hook may have"));
        };
        let (hook, started) = (Arc::clone(hook), Instant::now());
        let mut facts = Facts::default();
        if way.is_watched {
            facts.trace = Some(Box::new(Trace { waited: started - arrived, ..Trace::default() }));
        }
        let _under_way = hook.metrics.begin(body.bytes().len());
        if body.bytes().len() < LARGE_BODY {
            return Caught(Box::pin(deliver(hook, body, started, facts, way))).await;
        }
        let Ok(_permit) = self.large.acquire().await else {
            return Outcome::refused(Refusal::Panicked);
        };
        let runtime = tokio::runtime::Handle::current();
        let work = Caught(Box::pin(deliver(hook, body, started, facts, way)));
        tokio::task::block_in_place(move || runtime.block_on(work))
    }
}

/// A delivery whose panic becomes a refusal. (A task of its own would do too, but waking a second thread for it
/// costs a small delivery a tenth of its time.)
struct Caught<F>(Pin<Box<F>>);

impl<F: Future<Output = Outcome>> Future for Caught<F> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Outcome> {
        // Nothing that the panic may have left half done is looked at again: the delivery is dropped.
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Outcome::refused(Refusal::Panicked)))
    }
}

impl Outcome {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { result: Err(refusal), facts: Facts::default() }
    }
}

/// Whether somebody waits at the screen for this delivery; so it is taken where it cannot be read.
pub(super) fn is_interactive(body: &VerifiedBody) -> bool {
    Delivery::read(body).map_or(true, |delivery| delivery.payload.event.is_interactive())
}

async fn deliver(
    hook: Arc<Hook>,
    body: VerifiedBody,
    started: Instant,
    mut facts: Facts,
    way: Way,
) -> Outcome {
    let delivery = match Delivery::read(&body) {
        Ok(delivery) => delivery,
        Err(Unreadable { problem, request_id }) => {
            facts.request_id = request_id;
            return Outcome { result: Err(Refusal::Payload(problem)), facts };
        }
    };
    let payload = &delivery.payload;
    facts.event = payload.event.to_string();
    facts.known_event = payload.event.known();
    facts.annotation = payload.annotation_id.to_string();
    facts.request_id = payload.request_id.as_deref().map(str::to_owned);
    let deadline = started + hook.limits.timeout;
    let can_repeat = !payload.event.is_interactive() && !way.is_again;
    let id = payload.request_id.as_deref().filter(|id| !id.is_empty() && can_repeat);
    let Some(id) = id else {
        let result = run(&hook, &delivery, None, deadline, &mut facts).await;
        return Outcome { result, facts };
    };
    let first = loop {
        match hook.repeats.arrive(id) {
            Arrival::First(first) => break first,
            Arrival::Answered(answer) => {
                facts.note = Some("repeated: answered again");
                return Outcome { result: Ok(answer), facts };
            }
            Arrival::Running(mut running) => {
                // It ends in an error: nothing is ever sent.
                if timeout_at(deadline, running.changed()).await.is_err() {
                    return Outcome { result: Err(Refusal::OutOfTime), facts };
                }
            }
        }
    };
    if let Some(answer) = recall(&hook, id, deadline).await {
        facts.note = Some("repeated: answered again");
        first.answered(answer.clone());
        return Outcome { result: Ok(answer), facts };
    }
    let result = run(&hook, &delivery, Some(id), deadline, &mut facts).await;
    if let Ok(answer) = &result {
        first.answered(answer.clone());
    }
    Outcome { result, facts }
}

/// The answer to a delivery that Rossum did not send: nothing is kept of it.
pub(super) async fn try_out(hook: &Hook, body: VerifiedBody) -> Result<Bytes, Refusal> {
    let delivery = Delivery::read(&body).map_err(|unreadable| Refusal::Payload(unreadable.problem))?;
    run(hook, &delivery, None, Instant::now() + hook.limits.timeout, &mut Facts::default()).await
}

/// The answer that this delivery got from an earlier process.
async fn recall(hook: &Hook, id: &str, deadline: Instant) -> Option<Bytes> {
    let memory = hook.memory.as_ref()?;
    match timeout_at(deadline, memory.recall(&hook.name, id, hook.repeats.window())).await {
        Ok(Ok(answer)) => answer.map(Bytes::from),
        Ok(Err(problem)) => {
            warn!(
                hook = hook.name,
                request_id = id,
                "whether it was answered before is not known: {problem}"
            );
            None
        }
        Err(_) => None,
    }
}

/// The steps that want the event, one after another; what they leave behind is kept, with the answer under `id`.
async fn run(
    hook: &Hook,
    delivery: &Delivery<'_>,
    id: Option<&str>,
    deadline: Instant,
    facts: &mut Facts,
) -> Result<Bytes, Refusal> {
    let payload = &delivery.payload;
    if !keeping::can_keep(hook, &payload.event).await {
        return Err(Refusal::NotKept);
    }
    let mut answer = Answer::default();
    if facts.trace.is_some() {
        answer.reasons = Reasons::wanted();
    }
    let (mut asked, mut has_failed) = (false, false);
    for (at, (stage, metrics)) in hook.stages.iter().enumerate() {
        if !stage.wants(&payload.event) {
            witness::left_out(facts, &stage.name, "not for this event");
            continue;
        }
        asked = true;
        let before = answer.checkpoint();
        let context = Context { delivery, answer: &mut answer, deadline: deadline.into_std() };
        let began = Instant::now();
        let ran = timeout_at(deadline, stage.step.run(context)).await;
        let took = began.elapsed();
        metrics.ran(took);
        witness::ran(facts, &stage.name, payload, &mut answer, before, (&ran, took));
        let request_id = facts.request_id.as_deref().unwrap_or("-");
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                metrics.failed();
                has_failed = true;
                warn!(hook = hook.name, step = stage.name, request_id, "step failed: {}", failure.cause);
                answer.roll_back(before);
                answer.show(MessageType::Error, None, escape_html(&failure.message));
                if stage.on_error == OnError::Stop {
                    for (later, _) in hook.stages.iter().skip(at + 1) {
                        witness::left_out(facts, &later.name, "not run: a step before it failed");
                    }
                    break;
                }
            }
            Err(_) => {
                metrics.failed();
                error!(hook = hook.name, step = stage.name, request_id, "step ran out of time");
                return Err(Refusal::OutOfTime);
            }
        }
    }
    if !asked {
        facts.note =
            Some(if facts.known_event.is_some() { "no step for this event" } else { "unknown event" });
    }
    keeping::settle(payload, &mut answer, has_failed);
    facts.messages = answer.messages().len();
    facts.operations = answer.journal.operations_len();
    let began = Instant::now();
    let written = keeping::keep(hook, payload, &mut answer, id, deadline).await;
    if let Some(trace) = &mut facts.trace {
        trace.wrote = began.elapsed();
        trace.labels = std::mem::take(&mut answer.reasons).into_labels();
    }
    written
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::secret::Secret;
    use crate::signature::{Algorithm, Keys, LegacySha1, sign};
    use crate::steps::{Stage, Step, StepError, StepFuture};
    use crate::webhook::{HookLimits, HookSettings};

    const WAY: Way = Way { is_watched: true, is_again: false };

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
        let stage = |step| Stage { name: "test".into(), step: Box::new(step), events: None, on_error };
        let settings = HookSettings {
            name: "test".into(),
            path: "/test".into(),
            domain: None,
            demands_certificate: false,
            secrets: vec![Secret::new(*b"k")],
            secret_file: None,
            legacy: LegacySha1::Refused,
            limits: HookLimits { in_flight, ..HookLimits::default() },
            stages: steps.into_iter().map(stage).collect(),
            answers: crate::webhook::Answers::Direct,
            memory: None,
            record: None,
        };
        Arc::new(Hook::new(settings, &crate::telemetry::Metrics::new(std::time::SystemTime::UNIX_EPOCH)))
    }

    fn verified(size: usize) -> VerifiedBody {
        let secret = Secret::new(*b"k");
        let body = Bytes::from(format!("{{\"request_id\": \"r-1\"{}}}", " ".repeat(size)));
        let keys = Keys::new([&secret], LegacySha1::Refused);
        let header = sign(Algorithm::Sha256, &secret, &body);
        let claim = keys.claim(Some(header.as_bytes()), None).unwrap();
        let mut verifier = keys.verifier(claim);
        verifier.update(&body);
        verifier.finish(body).unwrap_or_else(|_| panic!("signed just now"))
    }

    fn content(outcome: Outcome) -> serde_json::Value {
        serde_json::from_slice(&outcome.result.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_ends_with_504_at_the_deadline() {
        let start = Instant::now();
        let outcome =
            Dispatch::new().run(&hook(vec![Does::Hang], OnError::Continue, 1), verified(0), WAY).await;
        assert!(matches!(outcome.result, Err(Refusal::OutOfTime)));
        assert_eq!(outcome.facts.request_id.as_deref(), Some("r-1"));
        assert_eq!(start.elapsed().as_secs(), HookLimits::default().timeout.as_secs());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_panic_costs_one_delivery_whatever_its_size() {
        let count = Arc::new(AtomicUsize::new(0));
        let dispatch = Dispatch::new();
        for size in [0, LARGE_BODY] {
            let outcome =
                dispatch.run(&hook(vec![Does::Panic], OnError::Continue, 1), verified(size), WAY).await;
            assert!(matches!(outcome.result, Err(Refusal::Panicked)));
            let good = hook(vec![Does::Count(Arc::clone(&count))], OnError::Continue, 1);
            assert!(dispatch.run(&good, verified(size), WAY).await.result.is_ok());
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn after_a_failure_the_configuration_decides_whether_to_go_on() {
        for (on_error, expected) in [(OnError::Continue, 1), (OnError::Stop, 0)] {
            let count = Arc::new(AtomicUsize::new(0));
            let steps = vec![Does::Fail, Does::Count(Arc::clone(&count))];
            let answer = content(Dispatch::new().run(&hook(steps, on_error, 1), verified(0), WAY).await);
            assert_eq!(count.load(Ordering::Relaxed), expected);
            let messages = answer["messages"].as_array().unwrap();
            assert_eq!(messages.len(), 1 + expected, "what the failed step had shown is taken back");
            assert!(messages[0]["content"].as_str().unwrap().contains("&lt;it&gt; fails"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_with_all_its_places_taken_is_overloaded_after_a_short_wait() {
        let (dispatch, busy) = (Arc::new(Dispatch::new()), hook(vec![Does::Hang], OnError::Continue, 1));
        let first = tokio::spawn({
            let (dispatch, busy) = (Arc::clone(&dispatch), Arc::clone(&busy));
            async move { dispatch.run(&busy, verified(0), WAY).await }
        });
        tokio::task::yield_now().await;
        let outcome = dispatch.run(&busy, verified(0), WAY).await;
        assert!(matches!(outcome.result, Err(Refusal::Overloaded(_))));
        assert!(!first.is_finished());
    }
}
