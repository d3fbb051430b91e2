//! Standard input in a file of its own: what is imported is read twice.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::outbox;

use super::exit::Failure;

/// Standard input as a file: the head of a file is read before its records are.
pub(super) struct Spooled(PathBuf);

impl Spooled {
    /// Reads standard input to its end.
    pub(super) fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("annex-import-{}", outbox::random_key()?));
        let because = |error: io::Error| Failure::Because(format!("{}: {error}", path.display()));
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = opened.map_err(because)?;
        let spooled = Self(path.clone());
        io::copy(&mut io::stdin().lock(), &mut file).map_err(because)?;
        Ok(spooled)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // it is nobody else's, in a folder that is emptied
    }
}
