//! The inspector: a page that shows deliveries as they come, what each step did and why. While developing it shows all of
//! a delivery, sends it again and saves it as a case; in production it is read-only and masks what documents hold.
//!
//! ```text
//! door ─► Seen ─► (a thread of its own) ─► Kept, on a shelf of bounded size ─► JSON for the page
//!                                              └► News ─► server-sent events
//! ```
//!
//! No answer waits for it: what comes faster than it can be taken is left out, and counted.

mod counts;
mod headers;
mod kept;
mod mask;
mod news;
mod page;
mod seen;
mod shelf;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cases::{self, Case};
use crate::clock;

use kept::Kept;
use shelf::Shelf;

pub use news::{News, Subscription};
pub use page::{POLICY, page};
pub use seen::{Changed, FAILED, OUT_OF_TIME, Said, Seen, Sent, StepSeen, Trace, Verdict};

/// What may be seen, and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Everything, but tokens and secrets. Cases are saved in this folder.
    Developing { cases: PathBuf },
    /// What documents hold is masked, and nothing can be done.
    Masked,
}

/// Deliveries that wait to be taken, and their bytes.
const WAITING: usize = 1024;
const WAITING_BYTES: u64 = 32 << 20;

pub struct Inspector {
    mode: Mode,
    sender: SyncSender<Seen>,
    waiting: Arc<AtomicU64>,
    number: AtomicU64,
    shelf: Arc<Mutex<Shelf>>,
    news: News,
}

/// Why a delivery cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum NotSaved {
    #[error("it is not kept any more")]
    Gone,
    #[error("only a delivery that was verified and read can be a case")]
    NoCase,
    #[error("there is nothing to save in production: record deliveries with `record`")]
    Masked,
    #[error("it cannot be written: {0}")]
    Unwritable(String),
}

impl Inspector {
    pub fn new(mode: Mode) -> std::io::Result<Arc<Self>> {
        let (sender, receiver) = sync_channel(WAITING);
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let (waiting, news) = (Arc::new(AtomicU64::new(0)), News::default());
        let intake = Intake {
            is_masked: mode == Mode::Masked,
            shelf: Arc::clone(&shelf),
            waiting: Arc::clone(&waiting),
            news: news.clone(),
        };
        std::thread::Builder::new().name("inspector".to_owned()).spawn(move || intake.run(&receiver))?;
        Ok(Arc::new(Self { mode, sender, waiting, number: AtomicU64::new(0), shelf, news }))
    }

    /// Takes a delivery that was answered; gives its number, or nothing where it came too fast to be shown.
    pub fn show(&self, mut seen: Seen) -> Option<u64> {
        // On a public port there are many who call what is not there: they would push out what is looked for.
        if self.mode == Mode::Masked && seen.hook.is_empty() {
            return None;
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        seen.number = number;
        let bytes = seen.bytes();
        let room = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= WAITING_BYTES;
        if room && self.sender.try_send(seen).is_ok() {
            return Some(number);
        }
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        lock(&self.shelf).left_out += 1;
        None
    }

    /// What came of reading the configuration anew: `None`, or its mistakes.
    pub fn reloaded(&self, mistakes: Option<&str>) {
        lock(&self.shelf).mistakes = mistakes.map(str::to_owned);
        let text = serde_json::json!({"mistakes": mistakes}).to_string();
        self.news.tell("reload", text);
    }

    pub fn news(&self) -> &News {
        &self.news
    }

    /// All that is kept, a line each, newest first.
    pub fn list(&self) -> String {
        let mode = if self.mode == Mode::Masked { "masked" } else { "developing" };
        lock(&self.shelf).list(mode, clock::now())
    }

    /// One delivery with everything that may be shown of it.
    pub fn detail(&self, number: u64) -> Option<String> {
        let kept = self.find(number)?;
        Some(kept.detail())
    }

    /// The delivery as it came, to be sent again. Nothing in production.
    pub fn sent(&self, number: u64) -> Option<Sent> {
        self.find(number)?.sent.clone().filter(|_| self.mode != Mode::Masked)
    }

    /// The body as it came, without its token and secrets. Nothing in production, nor where it is no JSON object: nobody can
    /// tell what is secret in it.
    pub fn body(&self, number: u64) -> Option<String> {
        cases::cleaned(&self.sent(number)?.body).map(|cleaned| cleaned.get().to_owned())
    }

    /// Writes a delivery as a case for `annex test`; gives the file.
    pub fn save(&self, number: u64) -> Result<PathBuf, NotSaved> {
        let Mode::Developing { cases: folder } = &self.mode else { return Err(NotSaved::Masked) };
        let kept = self.find(number).ok_or(NotSaved::Gone)?;
        let sent = kept.sent.as_ref().filter(|_| kept.is_answered).ok_or(NotSaved::NoCase)?;
        let case = Case::recorded(&kept.hook, kept.received, &sent.body, &kept.answer);
        let case = case.ok_or(NotSaved::NoCase)?;
        let unwritable = |problem| NotSaved::Unwritable(format!("{}: {problem}", folder.display()));
        cases::save(&case, folder, &kept.name).map_err(unwritable)
    }

    fn find(&self, number: u64) -> Option<Arc<Kept>> {
        lock(&self.shelf).find(number)
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that takes deliveries from the door.
struct Intake {
    is_masked: bool,
    shelf: Arc<Mutex<Shelf>>,
    waiting: Arc<AtomicU64>,
    news: News,
}

impl Intake {
    fn run(self, receiver: &Receiver<Seen>) {
        for seen in receiver {
            let bytes = seen.bytes();
            let kept = Kept::new(seen, self.is_masked);
            let line = kept.line.clone();
            lock(&self.shelf).put(kept, clock::now());
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.news.tell("delivery", line);
        }
    }
}
