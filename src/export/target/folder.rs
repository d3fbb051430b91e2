//! A folder as a target: whole files only.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use super::super::call::Request;
use super::{Received, SendError};

pub struct FolderTarget {
    pub folder: PathBuf,
}

impl FolderTarget {
    pub(super) fn look(&self) -> Result<(), SendError> {
        let failed = |error: io::Error| SendError::Unreachable(error.to_string());
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let draft = self.folder.join(format!(".annex.{}", std::process::id()));
        File::create(&draft).map_err(failed)?;
        fs::remove_file(&draft).map_err(failed)
    }

    pub(super) async fn write(&self, request: &Request) -> Result<Received, SendError> {
        let name = Path::new(&request.path);
        let is_name = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
        if request.path.is_empty() || request.path.contains('\0') || !name.components().all(is_name) {
            return Err(SendError::Refused(format!("`{}` is no name of a file in a folder", request.path)));
        }
        let path = self.folder.join(name);
        let body = request.body.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &body)).await;
        match written {
            Ok(Ok(())) => Ok(Received { status: 201, retry_after: None, body: Vec::new() }),
            Ok(Err(error)) => Err(SendError::Unreachable(error.to_string())),
            Err(_) => Err(SendError::Broken("writing stopped".to_owned())),
        }
    }
}

/// Readers see no file or a whole one; after a power cut too.
fn write(path: &Path, body: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
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
