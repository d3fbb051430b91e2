//! Writes deliveries down as they come, beside the server's work: a full or slow disk delays no answer.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;

use tracing::{error, warn};

use crate::clock;
use crate::private;
use crate::telemetry::about::{self, About};

use super::Case;

/// Deliveries that wait to be written, and their bytes.
const WAITING: usize = 256;
const WAITING_BYTES: u64 = 64 << 20;

/// A folder that deliveries are recorded in.
pub struct Recorder {
    sender: SyncSender<Delivered>,
    waiting: Arc<AtomicU64>,
}

/// What is recorded of a delivery.
struct Delivered {
    hook: String,
    event: String,
    annotation: String,
    received: SystemTime,
    payload: Vec<u8>,
    answer: Vec<u8>,
    about: Option<Arc<About>>,
}

impl Recorder {
    /// The folder is made where it is not there. When its cases are larger than `most` bytes, the oldest go.
    pub fn new(folder: &Path, most: u64) -> io::Result<Arc<Self>> {
        private::folder(folder)?;
        let known = Known::look(folder)?;
        let (sender, receiver) = sync_channel(WAITING);
        let waiting = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&waiting);
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || known.write_all(&receiver, &counted, most))?;
        Ok(Arc::new(Self { sender, waiting }))
    }

    /// Records a delivery with its answer. One that comes while too many wait is left out, and said.
    pub fn record(&self, hook: &str, event: &str, annotation: &str, payload: &[u8], answer: &[u8]) {
        let bytes = (payload.len() + answer.len()) as u64;
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING_BYTES {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            warn!("not recorded: deliveries come faster than the disk takes them");
            return;
        }
        let delivered = Delivered {
            hook: hook.to_owned(),
            event: event.to_owned(),
            annotation: annotation.to_owned(),
            received: clock::now(),
            payload: payload.to_vec(),
            answer: answer.to_vec(),
            about: about::current(),
        };
        if self.sender.try_send(delivered).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            warn!("not recorded: deliveries come faster than the disk takes them");
        }
    }
}

/// The files of a folder, oldest first.
struct Known {
    folder: PathBuf,
    files: VecDeque<(PathBuf, u64)>,
    bytes: u64,
    number: u64,
}

impl Known {
    fn look(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push((path, entry.metadata()?.len()));
            }
        }
        files.sort(); // their names begin with the time
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        Ok(Self { folder: folder.to_owned(), files: files.into(), bytes, number: 0 })
    }

    fn write_all(mut self, receiver: &Receiver<Delivered>, waiting: &AtomicU64, most: u64) {
        for delivered in receiver {
            let bytes = (delivered.payload.len() + delivered.answer.len()) as u64;
            if let Err(problem) = self.write(&delivered, most) {
                about::of(delivered.about, || {
                    error!("a delivery cannot be recorded in {}: {problem}", self.folder.display());
                });
            }
            waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn write(&mut self, delivered: &Delivered, most: u64) -> io::Result<()> {
        let Delivered { hook, event, annotation, received, payload, answer, about: _ } = delivered;
        let Some(case) = Case::recorded(hook, *received, payload, answer) else { return Ok(()) };
        self.number += 1;
        let time = clock::display(*received).replace([' ', ':'], "-").replace("-UTC", "");
        let name = format!("{time}-{:06}-{hook}-{event}-{annotation}", self.number);
        let path = self.folder.join(format!("{}.json", file_name(&name)));
        case.write(&path)?;
        let bytes = fs::metadata(&path)?.len();
        self.files.push_back((path, bytes));
        self.bytes += bytes;
        while self.bytes > most
            && self.files.len() > 1
            && let Some((oldest, bytes)) = self.files.pop_front()
        {
            self.bytes -= bytes;
            match fs::remove_file(&oldest) {
                Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
                _ => {}
            }
        }
        Ok(())
    }
}

/// What is left of a name that any file system takes.
pub(super) fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().map(safe).take(200).collect()
}
