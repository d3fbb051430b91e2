//! What a line of the log is about: the delivery, or the job, in whose course it is written. The log adds it to each line.
//!
//! It goes with the task, not with a span of `tracing`: a span writes its values down for each delivery, this only for a line
//! that is written. Who starts a task or a thread for a delivery takes it along: [`along`], [`along_thread`].

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::task_local;

use crate::shown::Line;

/// Characters of a value from outside that a line repeats.
const LONGEST: usize = 80;

task_local! {
    static ABOUT: Option<Arc<About>>;
}

/// A hook, as lines of the log name it and its steps.
#[derive(Debug, Default)]
pub struct Whose {
    pub hook: String,
    pub steps: Vec<String>,
}

/// A delivery or a job, while it is under way.
#[derive(Debug)]
pub struct About {
    whose: Arc<Whose>,
    /// Which of the steps runs, beginning with 0; any other number is none.
    step: AtomicUsize,
    /// The key of a job; of a delivery, nothing.
    job: String,
    /// The annotation and the `request_id`, once they were read.
    names: OnceLock<(String, String)>,
}

impl About {
    /// A delivery of this hook, which was not read yet.
    pub fn delivery(whose: &Arc<Whose>) -> Self {
        let whose = Arc::clone(whose);
        Self { whose, step: usize::MAX.into(), job: String::new(), names: OnceLock::new() }
    }

    /// A job of the outbox.
    pub fn job(hook: &str, key: &str, annotation: &str, request_id: &str) -> Self {
        let whose = Whose { hook: hook.to_owned(), steps: Vec::new() };
        let about = Self { job: key.to_owned(), ..Self::delivery(&Arc::new(whose)) };
        about.read(annotation, request_id);
        about
    }

    pub fn hook(&self) -> &str {
        &self.whose.hook
    }

    /// The delivery was read. What is not known is empty.
    pub fn read(&self, annotation: &str, request_id: &str) {
        let _ = self.names.set((annotation.to_owned(), request_id.to_owned())); // it is read once
    }

    /// Its annotation and its `request_id`, once it was read.
    pub fn names(&self) -> Option<(&str, &str)> {
        self.names.get().map(|(annotation, request_id)| (annotation.as_str(), request_id.as_str()))
    }

    /// What lines say of it, by name. What is not known is left out.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let (annotation, request_id) = self.names().unwrap_or_default();
        let step = self.whose.steps.get(self.step.load(Ordering::Relaxed)).map_or("", String::as_str);
        let all = [
            ("hook", self.hook()),
            ("step", step),
            ("job", &self.job),
            ("annotation", annotation),
            ("request_id", request_id),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, short(value)))
    }
}

fn short(value: &str) -> &str {
    value.char_indices().nth(LONGEST).map_or(value, |(end, _)| &value[..end])
}

/// Does the work of a delivery or a job: each line that is written meanwhile says whose it is.
pub fn within<T>(about: Arc<About>, work: impl Future<Output = T>) -> impl Future<Output = T> {
    ABOUT.scope(Some(about), work)
}

/// What the task that runs here is about.
pub fn current() -> Option<Arc<About>> {
    ABOUT.try_with(Clone::clone).ok().flatten()
}

/// The delivery that runs here is at this step from now on, counted from 0; at none where it is `None`.
pub fn at_step(step: Option<usize>) {
    let _ = ABOUT.try_with(|about| {
        if let Some(about) = about {
            about.step.store(step.unwrap_or(usize::MAX), Ordering::Relaxed);
        }
    }); // outside of a delivery there is none that could be at a step
}

/// Does work on this thread that is about something.
pub fn of<T>(about: Option<Arc<About>>, work: impl FnOnce() -> T) -> T {
    ABOUT.sync_scope(about, work)
}

/// Work for another task, which is about the same as this one.
pub fn along<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    ABOUT.scope(current(), work)
}

/// Work for another thread, which is about the same as this task.
pub fn along_thread<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let about = current();
    move || of(about, work)
}

/// What a line of text says under a name: one word, or in quotation marks, so that none looks like another's name.
pub struct Word<'v>(pub &'v str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = !self.0.contains(|c: char| c.is_whitespace() || c == '=' || c == '"');
        if is_word { write!(f, "{}", Line(self.0)) } else { write!(f, "{:?}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Vec<(&'static str, String)> {
        current()
            .iter()
            .flat_map(|about| about.values())
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    }

    #[tokio::test]
    async fn what_work_is_about_goes_along_to_tasks_and_threads_and_ends_with_it() {
        let whose = Arc::new(Whose { hook: "checks".to_owned(), steps: vec!["first".to_owned()] });
        let about = Arc::new(About::delivery(&whose));
        about.read("7", &"r".repeat(LONGEST + 1));
        let id = "r".repeat(LONGEST);
        let all = [("hook", "checks"), ("step", "first"), ("annotation", "7"), ("request_id", &id)];
        let all = all.map(|(name, value)| (name, value.to_owned()));
        let work = async {
            at_step(Some(0));
            assert_eq!(said(), all);
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(along(async { said() }));
            assert_eq!(tasks.join_next().await.unwrap().unwrap(), all);
            assert_eq!(std::thread::spawn(along_thread(said)).join().unwrap(), all);
            at_step(None);
            assert_eq!(said().len(), 3);
        };
        within(about, work).await;
        assert_eq!(said(), [], "it is over");
        along(async { assert_eq!(said(), []) }).await;
    }

    #[test]
    fn a_value_cannot_look_like_another() {
        let words = ["a", "a step=b", "a\u{1b}[0m", "a\nb"].map(|value| Word(value).to_string());
        assert_eq!(words, ["a", "\"a step=b\"", "a\\u001b[0m", "\"a\\nb\""]);
    }
}
