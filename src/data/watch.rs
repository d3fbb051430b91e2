//! Datasets that the configuration declares as files: imported at start, and again when the file changes.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tracing::{error, info};

use crate::clock;
use crate::store::{Change, Import, Store, StoreError};

use super::{Layout, read};

/// A dataset as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub name: String,
    pub file: PathBuf,
    pub layout: Layout,
    pub key: Vec<String>,
    pub indexed: Vec<String>,
    pub near: Vec<String>,
}

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A file as it was seen.
type Stamp = (u64, i64, i64, u64);

/// Keeps datasets as their files are.
pub struct Watch {
    pub state: PathBuf,
    /// Exchanged at a reload.
    pub datasets: ArcSwap<Vec<Watched>>,
}

impl Watch {
    /// Looks for ever.
    pub async fn run(self: Arc<Self>) {
        let mut seen: HashMap<String, (Watched, Stamp)> = HashMap::new();
        let mut missing: HashMap<String, String> = HashMap::new();
        loop {
            for watched in &**self.datasets.load() {
                let stamp = match stamp(watched) {
                    Ok(stamp) => stamp,
                    Err(problem) => {
                        // Told once; the records stay as they are.
                        if missing.insert(watched.name.clone(), problem.clone()).as_ref() != Some(&problem) {
                            error!(
                                dataset = watched.name,
                                "{}: {problem}; its records stay",
                                watched.file.display()
                            );
                        }
                        continue;
                    }
                };
                missing.remove(&watched.name);
                if seen.get(&watched.name).is_none_or(|(known, at)| known != watched || *at != stamp) {
                    seen.insert(watched.name.clone(), (watched.clone(), stamp));
                    self.import(watched.clone(), stamp).await;
                }
            }
            sleep(LOOK).await;
        }
    }

    /// All of the file, or nothing; on a thread of its own.
    async fn import(&self, watched: Watched, stamp: Stamp) {
        let (state, runtime, name) = (self.state.clone(), Handle::current(), watched.name.clone());
        let work = move || runtime.block_on(import(&state, &watched, stamp));
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(Some(records))) => info!(dataset = name, "{records} records imported"),
            Ok(Ok(None)) => {}
            Ok(Err(problem)) => error!(dataset = name, "not imported, its records stay: {problem}"),
            Err(_) => error!(dataset = name, "its import stopped"),
        }
    }
}

fn stamp(watched: &Watched) -> Result<Stamp, String> {
    let known = std::fs::metadata(&watched.file).map_err(|problem| problem.to_string())?;
    Ok((known.ino(), known.mtime(), known.mtime_nsec(), known.len()))
}

/// How many records it has now; `None` where the store has them already.
async fn import(state: &std::path::Path, watched: &Watched, stamp: Stamp) -> Result<Option<u64>, String> {
    let text = |problem: &dyn std::fmt::Display| problem.to_string();
    let store = Store::open(state).await.map_err(|problem| text(&problem))?;
    // The file's time is in it: the same file is not imported again after a restart.
    let source = format!("{} of {}.{:09}", watched.file.display(), stamp.1, stamp.2);
    let known = store.known(&watched.name).await.ok();
    let has = |want: &[String], have: &[String]| want.is_empty() || want == have;
    if known.is_some_and(|known| {
        known.source == source
            && known.key == watched.key
            && has(&watched.indexed, &known.indexed)
            && has(&watched.near, &known.near)
    }) {
        store.close().await;
        return Ok(None);
    }
    let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", watched.file.display());
    let read = read(&watched.file, watched.layout).map_err(|problem| in_file(&problem))?;
    let import = Import {
        name: &watched.name,
        columns: read.columns,
        key: watched.key.clone(),
        indexed: watched.indexed.clone(),
        near: watched.near.clone(),
        change: Change::Replace,
        source: &source,
    };
    let records = read.records.map(|record| record.map_err(|problem| StoreError::Source(in_file(&problem))));
    let done = store.import(&import, records, |_| {}).await.map_err(|problem| text(&problem))?;
    store.close().await;
    Ok(Some(done.records))
}

/// When a dataset's file was seen last, for people: the source of a watched one says it in seconds.
pub fn source(text: &str) -> String {
    let parts = text.rsplit_once(" of ").and_then(|(file, time)| {
        let (seconds, nanoseconds) = time.split_once('.')?;
        (nanoseconds.len() == 9).then_some((file, seconds.parse().ok()?))
    });
    match parts {
        Some((file, seconds)) => {
            format!("{file} of {}", clock::display(clock::from_unix_seconds(seconds)))
        }
        None => text.to_owned(),
    }
}
