//! One job, as far as it goes. Nothing is sent before it is noted that a try begins; a try that ends without a verdict is a
//! failed one.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::clock;
use crate::telemetry::about;

use super::super::job::{Carried, Courier, Job, State};
use super::super::ledger::Note;
use super::super::patience::{self, MOST_PANICS, MOST_TELLINGS};
use super::{AGAIN, Workers};

/// A part of a job has its deadlines; one that ends nevertheless not is ended.
const LONGEST_PART: Duration = Duration::from_secs(1_800);

/// Who a job is, while its courier has it.
struct Marks {
    id: i64,
    fence: i64,
    key: String,
    courier: String,
    annotation: String,
    attempts: u32,
    waited: Duration,
}

impl Marks {
    fn of(job: &Job) -> Self {
        Self {
            id: job.id,
            fence: job.fence,
            key: job.key.clone(),
            courier: job.courier.clone(),
            annotation: job.annotation.clone(),
            attempts: job.attempts,
            waited: job.waited,
        }
    }
}

impl Workers {
    pub(super) async fn carry(self: Arc<Self>, mut job: Job) {
        let is_telling = job.state == State::Dead;
        let tries = if is_telling { job.tellings } else { job.attempts + 1 };
        match self.outbox.ledger.begin(&mut job, patience::wait(tries, None)).await {
            Ok(true) => {}
            Ok(false) => return,
            // What cannot be noted is not begun.
            Err(problem) => {
                self.outbox.health().failed(&problem);
                return sleep(AGAIN).await;
            }
        }
        if is_telling {
            return self.tell(job).await;
        }
        loop {
            let marks = Marks::of(&job);
            let courier = self.couriers.load().get(&job.courier).cloned();
            let (carried, kept) = match courier {
                Some(courier) => part(courier, job).await,
                None => (Some(no_step(&job)), Some(job)),
            };
            let goes_on = carried == Some(Carried::Further) && !self.is_stopping();
            let note = verdict(&marks, carried, kept.as_ref(), goes_on);
            let changed = self.note(&marks, note).await;
            // One that was dropped meanwhile goes no further.
            match kept {
                Some(kept) if goes_on && changed => {
                    job = kept;
                    (job.attempts, job.waited) = (1, Duration::ZERO);
                }
                _ => return,
            }
        }
    }

    /// Tells that a job was given up, unless a later one of its line was sent: that one has told how it stands.
    async fn tell(&self, mut job: Job) {
        let marks = Marks::of(&job);
        if !job.telling.is_empty() {
            job.progress = std::mem::take(&mut job.telling);
        }
        let tries = job.tellings;
        let courier = self.couriers.load().get(&job.courier).cloned();
        let told = match (courier, self.outbox.ledger.overtaken(&job).await) {
            (_, Err(problem)) => {
                self.outbox.health().failed(&problem);
                return sleep(AGAIN).await;
            }
            (Some(courier), Ok(0)) => tell_part(courier, job).await,
            (None, Ok(0)) => Some(no_step(&job)),
            (_, Ok(_)) => Some(Carried::Done),
        };
        let Marks { key, annotation, .. } = &marks;
        let note = match told {
            // It is due again, as was noted when it began.
            None if tries < MOST_PANICS => return,
            None => {
                error!(
                    job = key,
                    annotation, "Rossum was not told that the export was given up: a mistake in Annex"
                );
                Note::Told
            }
            Some(Carried::Done | Carried::Further) => Note::Told,
            Some(Carried::Later { cause, not_before, .. }) if tries < MOST_TELLINGS => {
                let wait = patience::wait(tries, not_before);
                let again = clock::display_span(wait);
                warn!(
                    job = key,
                    annotation,
                    "Rossum is not told yet that the export was given up, again in {again}: {cause}"
                );
                Note::TellLater { wait }
            }
            Some(Carried::Later { cause, .. } | Carried::Dead { cause, .. }) => {
                error!(job = key, annotation, "Rossum was not told that the export was given up: {cause}");
                Note::Told
            }
        };
        self.note(&marks, note).await;
    }

    /// Notes what became of a try, as soon as that can be; whether the job was still this try's. Until then its slot stays
    /// taken, and it is not tried again.
    async fn note(&self, marks: &Marks, note: Note) -> bool {
        let mut is_said = false;
        loop {
            let noted = self.outbox.ledger.note(marks.id, marks.fence, note.clone());
            match timeout(Duration::from_secs(60), noted).await {
                Ok(Ok(changed)) => return changed,
                Ok(Err(problem)) => {
                    self.outbox.health().failed(&problem);
                    if !is_said {
                        error!(job = marks.key, "cannot store the result of an export yet: {problem}");
                    }
                }
                Err(_) if !is_said => {
                    error!(job = marks.key, "storing the result of an export takes too long");
                }
                Err(_) => {}
            }
            is_said = true;
            if self.is_stopping() {
                return false;
            }
            sleep(AGAIN).await;
        }
    }
}

/// Has a courier carry a part, in a task of its own: its panic costs this try. Gives its verdict, where there is one.
async fn part(courier: Arc<dyn Courier>, mut job: Job) -> (Option<Carried>, Option<Job>) {
    let mut task = JoinSet::new();
    let work = async move {
        let carried = courier.carry(&mut job).await;
        (carried, job)
    };
    task.spawn(about::along(work));
    match timeout(LONGEST_PART, task.join_next()).await {
        Ok(Some(Ok((carried, job)))) => (Some(carried), Some(job)),
        _ => (None, None),
    }
}

/// A job whose step is not configured any more, or not now.
fn no_step(job: &Job) -> Carried {
    Carried::Later {
        problem: format!("the configuration has no step {}", job.courier),
        cause: "the configuration has no such step".to_owned(),
        not_before: Some(Duration::from_secs(60)),
    }
}

async fn tell_part(courier: Arc<dyn Courier>, job: Job) -> Option<Carried> {
    let mut task = JoinSet::new();
    task.spawn(about::along(async move { courier.tell(&job).await }));
    timeout(LONGEST_PART, task.join_next()).await.ok().flatten()?.ok()
}

/// What is to be noted, with a line in the log.
fn verdict(marks: &Marks, carried: Option<Carried>, job: Option<&Job>, goes_on: bool) -> Note {
    let Marks { key, courier, annotation, attempts, .. } = marks;
    let attempts = *attempts;
    let telling = || job.map(|job| job.progress.clone()).unwrap_or_default();
    let (problem, cause, not_before, given_up) = match carried {
        Some(Carried::Done) => {
            info!(job = key, courier, annotation, "export sent");
            let problem = job.map(|job| job.remark.clone()).unwrap_or_default();
            return Note::End { state: State::Sent, problem, telling: String::new() };
        }
        Some(Carried::Further) => {
            return Note::Further {
                progress: job.map(|job| job.progress.clone()).unwrap_or_default(),
                body: job.map(|job| job.body.clone()).unwrap_or_default(),
                goes_on,
                wait: patience::wait(1, None),
            };
        }
        Some(Carried::Dead { problem, cause }) => {
            error!(job = key, courier, annotation, "export given up: {cause}; annex outbox show {key}");
            return Note::End { state: State::Dead, problem, telling: telling() };
        }
        Some(Carried::Later { problem, cause, not_before }) => {
            let is_over = patience::is_over(attempts, marks.waited);
            (problem, cause, not_before, is_over.then(|| format!("{} and ", patience::display())))
        }
        None => {
            let problem = "carrying it ended without a verdict: a mistake in Annex. Its log says where; please report it";
            error!(job = key, courier, annotation, attempt = attempts, "{problem}");
            (problem.to_owned(), problem.to_owned(), None, (attempts >= MOST_PANICS).then(String::new))
        }
    };
    if let Some(after) = given_up {
        error!(job = key, courier, annotation, "export given up after {after}{attempts} tries: {cause}");
        return Note::End { state: State::Dead, problem, telling: telling() };
    }
    let wait = patience::wait(attempts, not_before);
    let again = clock::display_span(wait);
    warn!(job = key, courier, annotation, attempt = attempts, "export failed, again in {again}: {cause}");
    Note::Later { problem, wait }
}
