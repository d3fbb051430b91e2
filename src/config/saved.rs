//! Whether somebody saved the configuration, or a file that is part of it.

use std::path::PathBuf;
use std::time::SystemTime;

/// When a file was changed, and how long it is; `None` where it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// Files and how they were when they were last looked at.
#[derive(Default)]
pub struct Saved {
    files: Vec<(PathBuf, Stamp)>,
}

impl Saved {
    /// From now on these files count. Those that were looked at before keep how they were then.
    pub fn watch(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        let mut files: Vec<(PathBuf, Stamp)> = Vec::new();
        for path in paths {
            if files.iter().any(|(known, _)| *known == path) {
                continue;
            }
            let before = self.files.iter().find(|(known, _)| *known == path).map(|(_, stamp)| *stamp);
            let stamp = before.unwrap_or_else(|| stamp(&path));
            files.push((path, stamp));
        }
        self.files = files;
    }

    /// Whether one of them changed since the last look.
    pub fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (path, known) in &mut self.files {
            let now = stamp(path);
            changed |= now != *known;
            *known = now;
        }
        changed
    }
}

fn stamp(path: &PathBuf) -> Stamp {
    let known = std::fs::metadata(path).ok()?;
    Some((known.modified().ok()?, known.len()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_saved_file_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let save = |path: &PathBuf, text: &str| {
            std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
        };
        save(&one, "1");
        let mut saved = Saved::default();
        saved.watch([one.clone(), other.clone()]);
        assert!(!saved.has_changed());
        save(&one, "12");
        assert!(saved.has_changed() && !saved.has_changed());
        save(&other, "new");
        assert!(saved.has_changed() && !saved.has_changed());
        std::fs::remove_file(&one).unwrap();
        saved.watch([one, other]);
        assert!(saved.has_changed());
    }
}
