//! A folder as a target: whole files only.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::call::Request;
use super::{Received, SendError};

pub struct FolderTarget {
    pub folder: PathBuf,
}

impl FolderTarget {
    pub(super) fn look(&self) -> Result<(), SendError> {
        // Nothing is made: who looks may be root, and the folder would be root's.
        match self.folder.ancestors().find_map(|folder| fs::metadata(folder).ok()) {
            Some(known) if known.is_dir() => Ok(()),
            _ => Err(SendError::Unreachable("it is no folder, and none can be made there".to_owned())),
        }
    }

    pub(super) async fn write(&self, request: &Request) -> Result<Received, SendError> {
        if !super::is_file_name(&request.path) {
            let problem = "the path that was made is no name of a file in the folder";
            return Err(SendError::Refused(problem.to_owned()));
        }
        let path = self.folder.join(&request.path);
        let body = request.body.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &body)).await;
        match written {
            Ok(Ok(())) => Ok(Received { status: 201, retry_after: None, body: Vec::new() }),
            Ok(Err(error)) => Err(SendError::Unreachable(error.to_string())),
            Err(_) => Err(SendError::Broken("writing stopped".to_owned())),
        }
    }
}

/// Two that write the same file at a time write drafts of their own.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Readers see no file or a whole one; after a power cut too.
fn write(path: &Path, body: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!(".{name}.{}.{number}", std::process::id()));
    let result = (|| {
        let mut file = File::create(&draft)?;
        file.write_all(body)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(folder)?.sync_all()
    })();
    if result.is_err() {
        let _ = fs::remove_file(&draft);
    }
    result
}
