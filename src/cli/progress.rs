//! How far an import is, on a terminal, until its end.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::shown::counted;
use crate::store::Progress;

use super::exit::{clear_progress, show_progress};

/// Progress is told this often.
const TELL: Duration = Duration::from_millis(200);

/// Each part of the work is shown at its beginning, and then now and then.
pub(super) struct Shown {
    is_on: bool,
    column: String,
    next: Instant,
}

impl Shown {
    /// Reading begins: a workbook is read as a whole before its first record is there.
    pub(super) fn begin(file: &Path) -> Self {
        let is_on = show_progress(format_args!("reading {} …", file.display()));
        Self { is_on, next: Instant::now() + TELL, column: String::new() }
    }

    pub(super) fn tell(&mut self, progress: Progress<'_>) {
        let (is_new, line) = match progress {
            Progress::Read(read) => (false, format!("{} read", counted(read, "record"))),
            Progress::Indexed(column, done) => {
                let is_new = column != self.column;
                column.clone_into(&mut self.column);
                (is_new, format!("index of similar texts in {column}: {}", counted(done, "record")))
            }
            Progress::Kept => (true, "writing to the disk …".to_owned()),
        };
        let now = Instant::now();
        if is_new || now >= self.next {
            self.next = now + TELL;
            self.is_on |= show_progress(line);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.is_on {
            clear_progress();
        }
    }
}
