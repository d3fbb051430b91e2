//! Datasets that the configuration declares as files: imported at start, and again when the file changes.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::clock;
use crate::memory;
use crate::store::{Allowed, Import, Renewed, Store, StoreError};
use crate::tasks;

use super::refused::{Board, Refusal};
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
    /// What of the records may go.
    pub allowed: Allowed,
}

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A file is complete when nobody has written to it for so long.
const SETTLED: Duration = Duration::from_secs(2);
/// After a failure the same file is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// A file as it was seen.
type Stamp = (u64, i64, i64, u64);

/// Why a file was not imported.
struct Failure {
    at: Instant,
    /// `None` where the file could not even be looked at.
    stamp: Option<Stamp>,
    problem: String,
}

impl Failure {
    /// The same file need not be read yet; one that was changed, perhaps mended, is read at once.
    fn rests(&self, stamp: Stamp) -> bool {
        self.stamp == Some(stamp) && self.at.elapsed() < AGAIN
    }
}

/// Keeps datasets as their files are.
pub struct Watch {
    pub state: PathBuf,
    /// Exchanged at a reload.
    pub datasets: ArcSwap<Vec<Watched>>,
    /// Which files are refused.
    pub board: Board,
}

impl Watch {
    /// Looks for ever.
    pub async fn run(self: Arc<Self>) {
        let mut taken: HashMap<String, (Watched, Stamp)> = HashMap::new();
        let mut told: HashMap<String, Failure> = HashMap::new();
        let mut declared: Option<Arc<Vec<Watched>>> = None;
        let mut outdated = Some(String::new());
        loop {
            if let Some(problem) = outdated {
                outdated = self.renew(&problem).await;
            }
            let datasets = self.datasets.load_full();
            if declared.as_ref().is_none_or(|declared| !Arc::ptr_eq(declared, &datasets)) {
                self.declare(&datasets, &mut told).await;
                declared = Some(Arc::clone(&datasets));
            }
            for watched in &*datasets {
                let name = &watched.name;
                let seen = stamp(&watched.file);
                let problem = match seen.clone() {
                    Ok(stamp) if taken.get(name) == Some(&(watched.clone(), stamp)) => continue,
                    Ok(stamp) if is_fresh(stamp) => continue, // perhaps it is still being written
                    Ok(stamp) if told.get(name).is_some_and(|failure| failure.rests(stamp)) => continue,
                    Ok(stamp) => match self.import(watched.clone(), stamp).await {
                        Ok(()) => {
                            taken.insert(name.clone(), (watched.clone(), stamp));
                            told.remove(name);
                            self.board.set(name, None);
                            continue;
                        }
                        Err(problem) => problem,
                    },
                    Err(problem) => format!("{}: {problem}", watched.file.display()),
                };
                taken.remove(name); // where it comes back as it was, the refusal ends
                // Told once; tried again, since another import or a full disk passes.
                let failure = Failure { at: Instant::now(), stamp: seen.ok(), problem: problem.clone() };
                let before = told.insert(name.clone(), failure);
                if before.is_none_or(|before| before.problem != problem) {
                    self.refuse(watched, problem.clone()).await;
                    error!(dataset = name, "not imported, its records stay: {problem}");
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Indexes that an earlier Annex made are built anew, on a thread of their own. Gives the problem where they are not: it is
    /// tried again, since a full disk or another import passes.
    async fn renew(&self, told: &str) -> Option<String> {
        let (state, runtime) = (self.state.clone(), Handle::current());
        let done = tasks::blocking(move |cut| runtime.block_on(cut.run_until_cancelled(renew(&state))));
        let problem = done.await.ok().flatten()?.err()?.to_string();
        if problem != told {
            error!(
                "indexes of similar texts that an earlier Annex made are not built anew, so that nothing is found by them: {problem}"
            );
        }
        Some(problem)
    }

    /// Keeps who is refused among those that are declared.
    async fn declare(&self, datasets: &[Watched], told: &mut HashMap<String, Failure>) {
        let names: Vec<&str> = datasets.iter().map(|watched| watched.name.as_str()).collect();
        self.board.keep(&names);
        told.retain(|name, _| names.contains(&name.as_str()));
        let done = async {
            if let Some(store) = Store::existing(&self.state).await? {
                store.refused_only(&names).await?;
                store.close().await;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(problem) = done.await {
            warn!("which files of datasets are refused is not kept: {problem}");
        }
    }

    /// A file is refused, as `annex data list` and the admin pages say from now on.
    async fn refuse(&self, watched: &Watched, problem: String) {
        let (name, file) = (&watched.name, watched.file.display().to_string());
        let kept = async {
            let store = Store::open(&self.state).await?;
            let since = store.refuse(name, &file, &problem).await?;
            store.close().await;
            Ok::<_, StoreError>(since)
        };
        let since = match kept.await {
            Ok(since) => since,
            Err(other) => {
                warn!(dataset = name, "that its file is refused is not kept: {other}");
                let known = self.board.all().into_iter().find(|(known, _)| known == name);
                known.and_then(|(_, refusal)| refusal).map_or_else(clock::now, |refusal| refusal.since)
            }
        };
        self.board.set(name, Some(Refusal { problem, since }));
    }

    /// All of the file, or nothing; on a thread of its own.
    async fn import(&self, watched: Watched, stamp: Stamp) -> Result<(), String> {
        let (state, runtime, name) = (self.state.clone(), Handle::current(), watched.name.clone());
        // Where it is cut off, the store keeps the records of before.
        let done = tasks::blocking(move |cut| {
            runtime.block_on(cut.run_until_cancelled(import(&state, &watched, stamp)))
        });
        let done = done.await.ok().flatten().unwrap_or_else(|| Err("the import stopped".to_owned()));
        memory::stirred();
        if let Some((records, notes)) = done? {
            info!(dataset = name, "{records} records imported");
            for note in notes {
                warn!(dataset = name, "of what was imported: {note}");
            }
        }
        Ok(())
    }
}

/// Whether the file was written to just now.
fn is_fresh((_, seconds, ..): Stamp) -> bool {
    let written = clock::from_unix_seconds(u64::try_from(seconds).unwrap_or(0));
    clock::now().duration_since(written).is_ok_and(|age| age < SETTLED)
}

fn stamp(file: &Path) -> Result<Stamp, String> {
    let known = std::fs::metadata(file).map_err(|problem| problem.to_string())?;
    Ok((known.ino(), known.mtime(), known.mtime_nsec(), known.len()))
}

async fn renew(state: &Path) -> Result<(), StoreError> {
    let Some(store) = Store::existing(state).await? else { return Ok(()) };
    let renewed = store
        .renew(|dataset, column| {
            info!(dataset, "its index of similar texts in {column} is of an earlier Annex: it is built anew");
        })
        .await;
    store.close().await;
    for Renewed { dataset, column, took } in renewed? {
        info!(
            dataset,
            "its index of similar texts in {column} is built anew, in {:.1} s",
            took.as_secs_f64()
        );
    }
    Ok(())
}

/// How many records it has now, and what is to be said of the file; `None` where the store has them already.
async fn import(state: &Path, watched: &Watched, stamp: Stamp) -> Result<Option<(u64, Vec<String>)>, String> {
    let text = |problem: &dyn std::fmt::Display| problem.to_string();
    let store = Store::open(state).await.map_err(|problem| text(&problem))?;
    // The file's time is in it: the same file is not imported again after a restart.
    let source = format!("{} of {}.{:09}", watched.file.display(), stamp.1, stamp.2);
    let layout = format!("{:?}", watched.layout);
    let known = store.known(&watched.name).await.ok();
    let has = |want: &[String], have: &[String]| want.is_empty() || want == have;
    if known.is_some_and(|known| {
        known.source == source
            && known.layout == layout
            && known.key == watched.key
            && has(&watched.indexed, &known.indexed)
            && has(&watched.near, &known.near)
    }) {
        store.accept(&watched.name).await.map_err(|problem| text(&problem))?;
        store.close().await;
        return Ok(None);
    }
    let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", watched.file.display());
    let read = read(&watched.file, &watched.layout).map_err(|problem| problem.of(&watched.file))?;
    let notes = read.notes;
    let noted = || notes.texts();
    let import = Import {
        key: watched.key.clone(),
        indexed: watched.indexed.clone(),
        near: watched.near.clone(),
        allowed: watched.allowed,
        layout: &layout,
        notes: &noted,
        ..Import::new(&watched.name, read.columns, &source)
    };
    // Whoever writes slowly, or again meanwhile, has not finished: the next look takes it.
    let unchanged = std::iter::once_with(|| match self::stamp(&watched.file) {
        Ok(now) if now == stamp => None,
        _ => Some(Err(StoreError::Source(in_file(&"it was written to while it was read")))),
    });
    let records =
        read.records.map(|record| record.map_err(|problem| StoreError::Source(problem.of(&watched.file))));
    let done = store.import(&import, records.chain(unchanged.flatten()), |_| {}).await;
    let done = done.map_err(|problem| match problem {
        StoreError::Source(problem) => problem,
        other @ StoreError::File(_) => text(&other),
        other => in_file(&other),
    })?;
    store.close().await;
    Ok(Some((done.records, done.notes)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mended_file_does_not_wait_for_the_next_try_of_the_wrong_one() {
        let failure = |at| Failure { at, stamp: Some((1, 2, 3, 4)), problem: String::new() };
        let now = Instant::now();
        assert!(failure(now).rests((1, 2, 3, 4)));
        assert!(!failure(now).rests((1, 9, 3, 4)), "it was written to");
        assert!(!failure(now.checked_sub(AGAIN).unwrap()).rests((1, 2, 3, 4)), "it is time");
    }
}
