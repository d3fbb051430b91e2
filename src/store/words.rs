//! The words of datasets that `$search` looked at, kept in memory as they were at one version of the database.
//!
//! The first search gathers them. One that has to stop leaves what it has to the next, which goes on there: no task outlives
//! the delivery that needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::MutexGuard;

use crate::pipeline::Index;

/// Bytes that the words of one set of columns may take.
pub(super) const MOST_WORDS: usize = 128 << 20;
/// Bytes that all of them may take before those that are known are forgotten.
const MOST_KEPT: usize = 128 << 20;
/// Sets of columns whose words are kept.
const MOST_INDEXES: usize = 16;

/// By dataset and columns.
#[derive(Default)]
pub(super) struct Words {
    known: Mutex<HashMap<(String, Vec<String>), Kept>>,
}

struct Kept {
    version: i64,
    gathering: Arc<Gathering>,
}

/// The words of some columns, being gathered or done.
#[derive(Default)]
pub(super) struct Gathering {
    done: OnceLock<Arc<Index>>,
    gathered: tokio::sync::Mutex<Gathered>,
}

/// The words of the records up to one.
#[derive(Default)]
pub(super) struct Gathered {
    index: Index,
    after: i64,
    is_too_large: bool,
}

impl Words {
    pub(super) fn of(&self, dataset: &str, columns: &[String], version: i64) -> Arc<Gathering> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (dataset.to_owned(), columns.to_vec());
        if !known.contains_key(&key) {
            let size = |kept: &Kept| kept.gathering.done.get().map_or(0, |index| index.size());
            if known.len() >= MOST_INDEXES || known.values().map(size).sum::<usize>() >= MOST_KEPT {
                known.clear();
            }
        }
        let kept = known.entry(key).or_insert_with(|| Kept { version, gathering: Arc::default() });
        if kept.version != version {
            *kept = Kept { version, gathering: Arc::default() };
        }
        Arc::clone(&kept.gathering)
    }
}

impl Gathering {
    pub(super) fn done(&self) -> Option<Arc<Index>> {
        self.done.get().map(Arc::clone)
    }

    /// One gathers at a time.
    pub(super) async fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().await
    }

    /// What was gathered is all there is.
    pub(super) fn finish(&self, gathered: &mut Gathered) -> Arc<Index> {
        Arc::clone(self.done.get_or_init(|| Arc::new(std::mem::take(&mut gathered.index))))
    }
}

impl Gathered {
    /// The number of the last record.
    pub(super) fn after(&self) -> i64 {
        self.after
    }

    /// Adds a record's texts in the order of the columns. False where it would be too much; nothing is kept then.
    pub(super) fn add(&mut self, number: i64, texts: &[Option<String>], columns: &[String]) -> bool {
        if self.is_too_large {
            return false;
        }
        if self.after == 0 {
            self.index = Index::new(columns);
        }
        let row = u32::try_from(number).unwrap_or(u32::MAX);
        for (at, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                self.index.add(row, at, text);
            }
        }
        self.after = number;
        self.is_too_large = self.index.size() > MOST_WORDS;
        if self.is_too_large {
            self.index = Index::default();
            self.after = 0;
        }
        !self.is_too_large
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{Import, Reader, Store};
    use crate::pipeline::Query;

    #[tokio::test]
    async fn a_search_goes_on_where_another_had_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let columns = vec!["name".to_owned()];
        let import = Import::new("v", columns.clone(), "test");
        let records = ["acme one", "acme two", "other"].map(|name| Ok((1, vec![Some(name.to_owned())])));
        store.import(&import, records.into_iter(), |_| {}).await.unwrap();
        let reader = Reader::new(folder.path());
        let version: i64 = sqlx::query_scalar("PRAGMA schema_version")
            .fetch_one(reader.pool().await.unwrap())
            .await
            .unwrap();
        // One gathered the first two records, with a word that only it knows.
        let gathering = reader.words.of("v", &columns, version);
        let mut gathered = gathering.lock().await;
        assert!(gathered.add(1, &[Some("acme one".to_owned())], &columns));
        assert!(gathered.add(2, &[Some("acme known".to_owned())], &columns));
        drop(gathered);
        let ask = async |word: &str| {
            let stages =
                serde_json::json!({"aggregate": [{"$search": {"text": {"query": word, "path": "name"}}}]});
            let query = Query::parse("v", &stages, "q").unwrap();
            let later = Instant::now() + Duration::from_secs(60);
            reader.documents(&query, &[], 10, later).await.unwrap().records.len()
        };
        assert_eq!((ask("acme").await, ask("known").await), (2, 1));
        assert_eq!(
            (ask("two").await, ask("other").await),
            (0, 1),
            "the third was gathered, the first two were not again"
        );
    }
}
