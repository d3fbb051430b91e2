//! The tables of an outbox, and what is read from them.

use std::time::{Duration, SystemTime};

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::clock;
use crate::sqlite::SqliteError as StoreError;

use super::job::{Job, State};
use super::open::Open;

pub(super) const SCHEMA: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS job (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, courier TEXT NOT NULL, line TEXT NOT NULL,
        annotation TEXT NOT NULL, request_id TEXT NOT NULL, state INTEGER NOT NULL, turn INTEGER NOT NULL, attempts INTEGER NOT NULL,
        accepted INTEGER NOT NULL, changed INTEGER NOT NULL, due INTEGER NOT NULL,
        problem TEXT NOT NULL, progress TEXT NOT NULL, body BLOB NOT NULL) STRICT",
    // Of those that wait: who is first in its line, by when it is due.
    "CREATE INDEX IF NOT EXISTS job_due ON job (due) WHERE state = 0 AND turn = 1",
    "CREATE INDEX IF NOT EXISTS job_line ON job (line, id) WHERE state = 0",
    "CREATE TABLE IF NOT EXISTS answer (
        hook TEXT NOT NULL, request_id TEXT NOT NULL, answered INTEGER NOT NULL, answer BLOB NOT NULL,
        PRIMARY KEY (hook, request_id)) STRICT, WITHOUT ROWID",
];

/// Jobs that can be carried now: due, and first in their line. A clock that was set back keeps nothing for longer
/// than the longest wait.
const READY: &str =
    "SELECT id FROM job WHERE state = 0 AND turn = 1 AND (due <= ?1 OR due > ?2) ORDER BY due LIMIT ?3";

/// Milliseconds since 1970, for columns.
pub(super) fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn time(milliseconds: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(milliseconds).ok()?))
}

fn job(row: &SqliteRow) -> Result<Job, sqlx::Error> {
    Ok(Job {
        id: row.try_get("id")?,
        key: row.try_get("key")?,
        courier: row.try_get("courier")?,
        line: row.try_get("line")?,
        annotation: row.try_get("annotation")?,
        request_id: row.try_get("request_id")?,
        state: State::of(row.try_get("state")?),
        attempts: row.try_get("attempts")?,
        accepted: time(row.try_get("accepted")?),
        due: time(row.try_get("due")?),
        problem: row.try_get("problem")?,
        progress: row.try_get("progress")?,
        body: row.try_get("body")?,
    })
}

impl Open {
    /// Jobs that can be carried now.
    pub(super) async fn ready(&self, longest: Duration, most: usize) -> Result<Vec<i64>, StoreError> {
        let now = clock::now();
        let ids = sqlx::query_scalar(READY)
            .bind(milliseconds(now))
            .bind(milliseconds(now + longest))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&self.reads)
            .await;
        ids.map_err(|error| self.failed(error))
    }

    /// A job that waits.
    pub(super) async fn job(&self, id: i64) -> Result<Option<Job>, StoreError> {
        let query = sqlx::query("SELECT * FROM job WHERE id = ? AND state = 0").bind(id);
        let row = query.fetch_optional(&self.reads).await.map_err(|error| self.failed(error))?;
        row.as_ref().map(job).transpose().map_err(|error| self.failed(error))
    }

    /// When the next job is due that is not yet.
    pub(super) async fn next_due(&self) -> Result<Option<SystemTime>, StoreError> {
        let due = sqlx::query_scalar("SELECT min(due) FROM job WHERE state = 0 AND turn = 1 AND due > ?")
            .bind(milliseconds(clock::now()))
            .fetch_one(&self.reads)
            .await;
        let due: Option<i64> = due.map_err(|error| self.failed(error))?;
        Ok(due.and_then(time))
    }

    pub(super) async fn recall(
        &self,
        hook: &str,
        request_id: &str,
        window: Duration,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let now = clock::now();
        let since = now.checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH);
        let query = "SELECT answer FROM answer WHERE hook = ? AND request_id = ? AND answered > ?";
        let query = sqlx::query_scalar(query).bind(hook).bind(request_id).bind(milliseconds(since));
        query.fetch_optional(&self.reads).await.map_err(|error| self.failed(error))
    }

    /// Jobs without what they hold.
    pub(super) async fn list(&self, state: Option<State>, most: u32) -> Result<Vec<Job>, StoreError> {
        let query =
            "SELECT id, key, courier, line, annotation, request_id, state, attempts, accepted, due, problem,
            '' AS progress, x'' AS body FROM job WHERE ?1 IS NULL OR state = ?1 ORDER BY id LIMIT ?2";
        let query = sqlx::query(query).bind(state.map(State::number)).bind(most);
        let rows = query.fetch_all(&self.reads).await.map_err(|error| self.failed(error))?;
        rows.iter().map(job).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    pub(super) async fn find(&self, key: &str) -> Result<Vec<Job>, StoreError> {
        let query = "SELECT * FROM job WHERE substr(key, 1, length(?1)) = ?1 ORDER BY id LIMIT 2";
        let rows = sqlx::query(query).bind(key).fetch_all(&self.reads).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter().map(job).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    /// How many jobs of its line were accepted after a job, and are done.
    pub(super) async fn overtaken(&self, job: &Job) -> Result<u64, StoreError> {
        let query = "SELECT count(*) FROM job WHERE line = ? AND id > ? AND state = ?";
        let query = sqlx::query_scalar(query).bind(&job.line).bind(job.id).bind(State::Sent.number());
        let count: i64 = query.fetch_one(&self.reads).await.map_err(|error| self.failed(error))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(super) async fn counts(&self) -> Result<[u64; 2], StoreError> {
        let mut counts = [0; 2];
        for (count, state) in counts.iter_mut().zip([State::Waiting, State::Dead]) {
            let query = sqlx::query_scalar("SELECT count(*) FROM job WHERE state = ?").bind(state.number());
            let found: i64 = query.fetch_one(&self.reads).await.map_err(|error| self.failed(error))?;
            *count = u64::try_from(found).unwrap_or(0);
        }
        Ok(counts)
    }
}
