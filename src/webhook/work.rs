//! A verified delivery: its steps are run, and what came of them is counted, shown and logged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;

use crate::clock;
use crate::forward::Original;
use crate::signature::{Algorithm, VerifiedBody};
use crate::telemetry::spans::{DeliverySpan, StepSpan};
use crate::telemetry::{Metrics, about};

use super::hook::Hook;
use super::log_line::{Arrival, Target, Verdict};
use super::refusal::Refusal;
use super::run::{self, Facts, Outcome, Way};
use super::under_way::Entry;
use super::watched::Watched;

/// A verified delivery with all that it needs, now or later.
pub(super) struct Work {
    pub(super) hook: Arc<Hook>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) arrival: Arrival,
    pub(super) watched: Option<Watched>,
    pub(super) entry: Entry,
    /// How it came, where a step asks for that.
    pub(super) head: Option<Arc<Original>>,
}

/// What came of a delivery: its answer, or a refusal with the `request_id`.
pub(super) type Came = Result<Bytes, (Refusal, Option<String>)>;

/// A delivery that was run, or answered from memory.
pub(super) struct Ran {
    pub(super) came: Came,
    /// By which the inspector shows it.
    pub(super) number: Option<u64>,
    pub(super) is_repeated: bool,
}

impl Work {
    /// Whether this server forwarded it to itself.
    pub(super) fn is_loop(&self) -> bool {
        self.head.as_deref().is_some_and(Original::came_from_here)
    }

    /// Runs the steps; counts and logs what came of them, also of one that is sent again.
    pub(super) async fn run_by(self, body: VerifiedBody, is_again: bool) -> Ran {
        about::within(self.entry.about(), self.run_within(body, is_again)).await
    }

    async fn run_within(self, body: VerifiedBody, is_again: bool) -> Ran {
        let proof = Proof::of(&body);
        let kept = self.hook.record.as_ref().filter(|_| !is_again).map(|_| body.share());
        let is_exported = self.metrics.spans.are_wanted();
        let (is_watched, head) = (self.watched.is_some(), self.head.clone());
        let way = Way { is_watched, is_again, is_exported, head };
        let Outcome { result, facts } = run::run(&self.hook, body, way, &self.entry).await;
        if let (Some(recorder), Some(kept), Ok(answer)) = (&self.hook.record, kept, &result) {
            recorder.record(&self.hook.name, &facts.event, &facts.annotation, &kept, answer);
        }
        let is_repeated = facts.is_repeated;
        let problem = result.as_ref().err();
        let status = problem.map_or(StatusCode::OK, Refusal::status);
        let request_id = problem.and_then(|_| facts.request_id.clone());
        let number = self.account(proof, facts, result.as_ref(), status);
        Ran { came: result.map_err(|refusal| (refusal, request_id)), number, is_repeated }
    }

    /// Counts, shows and logs what came of a verified delivery; gives the number that the inspector shows it by.
    pub(super) fn account(
        mut self,
        proof: Proof,
        mut facts: Facts,
        result: Result<&Bytes, &Refusal>,
        status: StatusCode,
    ) -> Option<u64> {
        self.entry.told();
        let problem = result.err();
        let number = self.show(&mut facts, result, status);
        let took = self.arrival.at.elapsed();
        self.hook.metrics.answered(took);
        if let Some(steps) = facts.steps.take() {
            self.export(&facts, steps, took, (problem, status));
        }
        let Proof { algorithm, secret } = proof;
        let verdict = Verdict::Verified { algorithm, secret, problem };
        self.arrival.log(Target::Hook(&self.hook.name), verdict, facts, status);
        number
    }

    /// Leaves it to who exports it as a span.
    fn export(
        &self,
        facts: &Facts,
        steps: Vec<StepSpan>,
        took: Duration,
        (problem, status): (Option<&Refusal>, StatusCode),
    ) {
        self.metrics.span(DeliverySpan {
            hook: self.hook.name.clone(),
            event: facts.known_event.unwrap_or("other"),
            annotation: facts.annotation.clone(),
            request_id: facts.request_id.clone(),
            verdict: problem.map_or("verified", Refusal::label),
            status: status.as_u16(),
            began: clock::now() - took,
            arrived: self.arrival.at,
            took,
            steps,
        });
    }

    /// Counts and shows what came of it.
    fn show(
        &mut self,
        facts: &mut Facts,
        result: Result<&Bytes, &Refusal>,
        status: StatusCode,
    ) -> Option<u64> {
        let verdict = result.err().map_or("verified", Refusal::label);
        self.metrics.delivery(&self.hook.name, facts.known_event.unwrap_or("other"), verdict);
        let watched = self.watched.take();
        watched.and_then(|watched| watched.tell(&self.hook.name, facts, result, status))
    }
}

impl Drop for Work {
    /// A delivery of which nothing was told yet: its entry has the line of the log.
    fn drop(&mut self) {
        if let Some(mut facts) = self.entry.cut_off() {
            let gone = Refusal::CallerGone;
            self.show(&mut facts, Err(&gone), gone.status());
        }
    }
}

/// By what a delivery was verified.
#[derive(Clone, Copy)]
pub(super) struct Proof {
    algorithm: Algorithm,
    secret: usize,
}

impl Proof {
    pub(super) fn of(body: &VerifiedBody) -> Self {
        Self { algorithm: body.algorithm(), secret: body.secret() }
    }
}
