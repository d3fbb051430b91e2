//! `use = "forward"`: the delivery goes on to a service of one's own, as it came. The service's answer is passed on as it is
//! where no other step has a part in it; else it becomes part of ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;

use crate::forward::{Answered, NoAnswer, Service};
use crate::neighbour;
use crate::rossum::{Annotation, Event, Payload};
use crate::trees::{self, ANSWERS};

use super::answer::Verbatim;
use super::blueprint::{Built, CourierId, Needs, Reaches, Services};
use super::passed_on::PassedOn;
use super::reasons::{Came, Reason};
use super::returned::Returned;
use super::schema::Schemas;
use super::{Answer, Blueprint, Context, Delivery, Lasts, Step, StepError, StepFuture, unread};

/// Built by the configuration from `[[hook.step]] use = "forward"`.
pub struct Forward {
    pub service: Arc<Service>,
    pub schemas: Schemas,
}

/// Kept free at the end of a delivery's time, for the answer; of a short time, a part.
const SPARE: Duration = Duration::from_millis(200);

const AWAY: &str = "The service behind this extension does not answer at the moment. Please try again later; if it happens again, tell your administrator.";
const LATE: &str = "The service behind this extension did not answer in time. Please try again; if it happens again, tell your administrator.";
const FAILED: &str = "The service behind this extension failed. Please tell your administrator.";
const UNUSABLE: &str =
    "The service behind this extension gave an answer that cannot be used. Please tell your administrator.";

impl Blueprint for Forward {
    fn can_act_at(&self, _: &Event<'_>) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs {
            events: &["annotation_content", "annotation_status", "upload", "email", "invocation"],
            neighbours: true,
            ..Needs::default()
        }
    }

    fn reaches(&self) -> Option<Reaches<'_>> {
        Some(Reaches::Service(&self.service))
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Forward {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(self.forward(context))
    }
}

/// Whether Rossum reads the answer to an event.
fn is_read(event: &Event<'_>) -> bool {
    !matches!((&*event.event, &*event.action), ("annotation_status", _) | ("invocation", "scheduled"))
}

impl Forward {
    async fn forward(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, is_only, .. } = context;
        let original = delivery.came.ok_or_else(|| {
            StepError::configuration("this delivery did not come by HTTP: there is nothing to forward")
        })?;
        let left = deadline.saturating_duration_since(Instant::now());
        let until = deadline.checked_sub(SPARE.min(left / 10)).unwrap_or(deadline);
        let answered = self.service.send(original, until).await;
        let answered = answered.map_err(|why| no_answer(&why))?;
        answer.reasons.note(|| {
            let says = format!("the service answered with status {}", answered.status);
            Reason::single(self.service.place().to_string(), Came::Acted, says, Vec::new())
        });
        if is_only {
            return self.pass_on(delivery, answer, answered, deadline).await;
        }
        // Without the service's word, all files of a mail would be imported.
        let is_filter = matches!(&*delivery.payload.event.event, "email" | "upload");
        let taken = self.take_in(delivery, answer, &answered, deadline).await;
        taken.map_err(|error| if is_filter { StepError { lasts: Lasts::Unanswered, ..error } } else { error })
    }

    /// The only step: the service's answer is ours. What Rossum would not understand of it is told.
    async fn pass_on(
        &self,
        delivery: &Delivery<'_>,
        answer: &mut Answer,
        answered: Answered,
        deadline: Instant,
    ) -> Result<(), StepError> {
        let payload = &delivery.payload;
        let Answered { status, .. } = answered;
        if (200..300).contains(&status) && status != 202 {
            if answered.body.trim_ascii().is_empty() {
                return Ok(());
            }
            let is_answer = is_answer(&payload.event, &answered.body);
            if is_answer {
                let before = answer.checkpoint();
                if let Err(error) = self.understand(payload, delivery, answer, &answered.body, deadline).await
                {
                    answer.roll_back(before);
                    tracing::warn!(
                        "the service's answer is passed on as it is, and Rossum may refuse it: {}",
                        error.cause
                    );
                }
            }
            if is_answer || !is_read(&payload.event) {
                answer.verbatim = is_answer.then(|| Verbatim::of(Answered { status: 200, ..answered }));
                return Ok(());
            }
        }
        answer.verbatim = Some(Verbatim::of(answered));
        match status {
            202 => Ok(()),
            200..300 => Err(StepError {
                message: UNUSABLE.to_owned(),
                cause: format!(
                    "the service's answer (status {status}) is not a JSON object, and is passed on as it is"
                ),
                lasts: Lasts::ForGood,
            }),
            _ => Err(refused(status, "passed on as it is")),
        }
    }

    /// One of several: the service's answer becomes part of ours.
    async fn take_in(
        &self,
        delivery: &Delivery<'_>,
        answer: &mut Answer,
        answered: &Answered,
        deadline: Instant,
    ) -> Result<(), StepError> {
        let payload = &delivery.payload;
        let Answered { status, body, .. } = answered;
        match status {
            202 => {
                return Err(unusable(
                    "status 202 (an answer to come later) has no place beside other steps: write `answer = \"async\"` for the hook and let the service answer with the result",
                ));
            }
            200..300 => {}
            _ => {
                let error = refused(*status, "it is one of several steps");
                let lasts = if neighbour::may_pass(*status) { Lasts::Unanswered } else { Lasts::ForGood };
                return Err(StepError { lasts, ..error });
            }
        }
        if body.trim_ascii().is_empty() {
            return Ok(());
        }
        if !is_answer(&payload.event, body) {
            return if is_read(&payload.event) { Err(unusable("it is not a JSON object")) } else { Ok(()) };
        }
        self.understand(payload, delivery, answer, body, deadline).await
    }

    /// Reads an answer as Rossum would.
    async fn understand(
        &self,
        payload: &Payload<'_>,
        delivery: &Delivery<'_>,
        answer: &mut Answer,
        body: &[u8],
        deadline: Instant,
    ) -> Result<(), StepError> {
        let text = std::str::from_utf8(body).map_err(|_| unusable("it is not UTF-8"))?;
        let busy = |_| StepError {
            message: AWAY.to_owned(),
            cause: "there is no memory now for the service's answer".to_owned(),
            lasts: Lasts::ForNow,
        };
        let _room = ANSWERS.room(body, deadline).await.map_err(busy)?;
        let read = || {
            let passed_on = PassedOn::read(&payload.event, text);
            (unread::keys(&payload.event, text), passed_on, Returned::of_service(text))
        };
        let (keys, passed_on, returned) = trees::make_of(body, deadline, read).map_err(busy)?;
        answer.undone.extend(keys);
        let passed_on = passed_on.map_err(unusable)?;
        // The answer to an invocation is the caller's: it changes no document.
        if payload.event.event != "invocation" {
            let empty = Annotation::empty();
            let annotation = payload.annotation.as_ref().unwrap_or(&empty);
            let schema = self.schemas.of_shape(delivery, annotation)?;
            let returned = returned.map_err(unusable)?;
            returned.apply(annotation, &schema, answer).map_err(|error| unusable(error.cause))?;
        }
        answer.passed_on.extend(Some(passed_on).filter(|passed_on| !passed_on.is_empty()));
        Ok(())
    }
}

/// Whether a body is what Rossum reads as an answer: an object; to an invocation, any JSON.
fn is_answer(event: &Event<'_>, body: &[u8]) -> bool {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    (is_object || event.event == "invocation") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

fn no_answer(why: &NoAnswer) -> StepError {
    let (message, lasts) = match why {
        NoAnswer::Away(_) | NoAnswer::Broken(_) => (AWAY, Lasts::Unanswered),
        NoAnswer::Late(_) => (LATE, Lasts::Late),
        NoAnswer::TooLarge(_) | NoAnswer::Redirected(_) | NoAnswer::Loop | NoAnswer::Unfit(_) => {
            (UNUSABLE, Lasts::Unanswered)
        }
    };
    StepError {
        message: message.to_owned(),
        cause: format!("the service that it is forwarded to: {why}"),
        lasts,
    }
}

fn refused(status: u16, what: &str) -> StepError {
    StepError {
        message: FAILED.to_owned(),
        cause: format!("the service answered with status {status}: {what}"),
        lasts: Lasts::ForGood,
    }
}

fn unusable(what: impl std::fmt::Display) -> StepError {
    StepError {
        message: UNUSABLE.to_owned(),
        cause: format!("the service's answer cannot be used: {what}"),
        lasts: Lasts::ForGood,
    }
}
