//! The tables of an outbox, and what is read from them.

use std::time::{Duration, SystemTime};

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::clock;
use crate::sqlite::{SqliteError, Step, Versions};

use super::job::{Job, State};
use super::ledger::Counts;
use super::open::Open;
use super::patience::LONGEST_WAIT;
use super::slots::Slots;

/// The versions of the tables. Version 1 also takes over files from before there were versions.
pub(super) const VERSIONS: Versions = &[&[
    Step::Run(
"CREATE TABLE IF NOT EXISTS job (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, courier TEXT NOT NULL, line TEXT NOT NULL,
        annotation TEXT NOT NULL, request_id TEXT NOT NULL, state INTEGER NOT NULL, turn INTEGER NOT NULL, attempts INTEGER NOT NULL,
        accepted INTEGER NOT NULL, changed INTEGER NOT NULL, due INTEGER NOT NULL,
        problem TEXT NOT NULL, progress TEXT NOT NULL, body BLOB NOT NULL) STRICT"),
    // Of those that wait: who is first in its line, by when it is due.
    Step::Run(
"CREATE INDEX IF NOT EXISTS job_due ON job (due) WHERE state = 0 AND turn = 1"),
    Step::Run(
"CREATE INDEX IF NOT EXISTS job_line ON job (line, id) WHERE state = 0"),
    Step::Run(
"CREATE TABLE IF NOT EXISTS answer (
        hook TEXT NOT NULL, request_id TEXT NOT NULL, answered INTEGER NOT NULL, answer BLOB NOT NULL,
        PRIMARY KEY (hook, request_id)) STRICT, WITHOUT ROWID"),
    Step::Run(
"CREATE TABLE IF NOT EXISTS run (
        courier TEXT NOT NULL, annotation TEXT NOT NULL, changed INTEGER NOT NULL, taken BLOB NOT NULL,
        PRIMARY KEY (courier, annotation)) STRICT, WITHOUT ROWID"),
    Step::Run(
"CREATE INDEX IF NOT EXISTS run_changed ON run (changed)"),
    Step::Run(
"CREATE TABLE IF NOT EXISTS room (id INTEGER PRIMARY KEY, filler BLOB NOT NULL) STRICT"),
// Columns that came later, and their indexes.
Step::Column { table: "job", name: "target", definition: "TEXT NOT NULL DEFAULT ''" },
Step::Column { table: "job", name: "waited", definition: "INTEGER NOT NULL DEFAULT 0" },
Step::Column { table: "job", name: "tellings", definition: "INTEGER NOT NULL DEFAULT 0" },
Step::Column { table: "job", name: "telling", definition: "TEXT NOT NULL DEFAULT ''" },
Step::Column { table: "job", name: "fence", definition: "INTEGER NOT NULL DEFAULT 0" },
Step::Column { table: "answer", name: "until", definition: "INTEGER NOT NULL DEFAULT 0" },
Step::Run("CREATE INDEX IF NOT EXISTS job_target ON job (target, due) WHERE state = 0 AND turn = 1"),
Step::Run("CREATE INDEX IF NOT EXISTS job_telling ON job (due) WHERE tellings > 0"),
Step::Run("CREATE INDEX IF NOT EXISTS answer_until ON answer (until)"),
]];

/// The targets of jobs that could be carried, found by their index and not by looking at each job.
const TARGETS: &str = "WITH RECURSIVE one (target) AS (
    SELECT min(target) FROM job WHERE state = 0 AND turn = 1
    UNION ALL SELECT (SELECT min(target) FROM job WHERE state = 0 AND turn = 1 AND target > one.target) FROM one WHERE target IS NOT NULL)
    SELECT target FROM one WHERE target IS NOT NULL";

/// Jobs of a target that can be carried now: due, and first in their line. A clock that was set back keeps nothing for
/// longer than the longest wait.
const READY: &str =
    "SELECT id FROM job WHERE state = 0 AND turn = 1 AND target = ?1 AND (due <= ?2 OR due > ?3)
    ORDER BY due LIMIT ?4";

/// Jobs that were given up, and whom it concerns does not know it yet.
const UNTOLD: &str = "SELECT id, target FROM job WHERE tellings > 0 AND state = 2 AND (due <= ?1 OR due > ?2) ORDER BY due LIMIT ?3";

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
        target: row.try_get("target")?,
        line: row.try_get("line")?,
        annotation: row.try_get("annotation")?,
        request_id: row.try_get("request_id")?,
        state: State::of(row.try_get("state")?),
        attempts: row.try_get("attempts")?,
        waited: Duration::from_millis(u64::try_from(row.try_get::<i64, _>("waited")?).unwrap_or(0)),
        telling: row.try_get("telling")?,
        tellings: row.try_get("tellings")?,
        fence: row.try_get("fence")?,
        accepted: time(row.try_get("accepted")?),
        due: time(row.try_get("due")?),
        problem: row.try_get("problem")?,
        remark: String::new(),
        progress: row.try_get("progress")?,
        body: row.try_get("body")?,
    })
}

impl Open {
    /// Jobs that can be carried now, by target, as many as have a free slot and those that have one.
    pub(super) async fn ready(&self, slots: &Slots) -> Result<Vec<i64>, SqliteError> {
        let now = clock::now();
        let (now, never) = (milliseconds(now), milliseconds(now + LONGEST_WAIT * 2));
        let failed = |error| self.failed(error);
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let targets: Vec<String> =
            sqlx::query_scalar(TARGETS).fetch_all(&self.reads).await.map_err(failed)?;
        let mut due: Vec<(String, Vec<i64>)> = Vec::with_capacity(targets.len());
        for target in targets {
            let most = slots.free(&target).min(slots.free_of_all());
            if most == 0 {
                continue;
            }
            let ids = sqlx::query_scalar(READY).bind(&target).bind(now).bind(never);
            let ids = ids.bind(number(most + slots.len())).fetch_all(&self.reads).await;
            due.push((target, ids.map_err(failed)?));
        }
        let untold = sqlx::query_as(UNTOLD).bind(now).bind(never);
        let untold: Vec<(i64, String)> =
            untold.bind(number(slots.len() + 8)).fetch_all(&self.reads).await.map_err(failed)?;
        for (id, target) in untold {
            match due.iter_mut().find(|(known, _)| *known == target) {
                Some((_, ids)) => ids.push(id),
                None => due.push((target, vec![id])),
            }
        }
        Ok(slots.share(due))
    }

    /// A job that waits, or that was given up and is to be told of.
    pub(super) async fn job(&self, id: i64) -> Result<Option<Job>, SqliteError> {
        let query = "SELECT * FROM job WHERE id = ? AND (state = 0 OR state = 2 AND tellings > 0)";
        let row = sqlx::query(query).bind(id).fetch_optional(&self.reads).await;
        row.map_err(|error| self.failed(error))?
            .as_ref()
            .map(job)
            .transpose()
            .map_err(|error| self.failed(error))
    }

    /// What is known of a run.
    pub(super) async fn taken(
        &self,
        courier: &str,
        annotation: &str,
    ) -> Result<Option<Vec<u8>>, SqliteError> {
        let query = sqlx::query_scalar("SELECT taken FROM run WHERE courier = ? AND annotation = ?");
        let query = query.bind(courier).bind(annotation);
        query.fetch_optional(&self.reads).await.map_err(|error| self.failed(error))
    }

    /// When the next job is due that is not yet.
    pub(super) async fn next_due(&self) -> Result<Option<SystemTime>, SqliteError> {
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
    ) -> Result<Option<Vec<u8>>, SqliteError> {
        let now = clock::now();
        let since = now.checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH);
        let query = "SELECT answer FROM answer WHERE hook = ? AND request_id = ? AND answered > ?";
        let query = sqlx::query_scalar(query).bind(hook).bind(request_id).bind(milliseconds(since));
        query.fetch_optional(&self.reads).await.map_err(|error| self.failed(error))
    }

    /// Jobs without what they hold.
    pub(super) async fn list(&self, state: Option<State>, most: u32) -> Result<Vec<Job>, SqliteError> {
        let query =
            "SELECT id, key, courier, target, line, annotation, request_id, state, attempts, waited, tellings, fence,
            accepted, due, problem, '' AS telling, '' AS progress, x'' AS body FROM job WHERE ?1 IS NULL OR state = ?1 ORDER BY id LIMIT ?2";
        let query = sqlx::query(query).bind(state.map(State::number)).bind(most);
        let rows = query.fetch_all(&self.reads).await.map_err(|error| self.failed(error))?;
        rows.iter().map(job).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    pub(super) async fn find(&self, key: &str) -> Result<Vec<Job>, SqliteError> {
        let query = "SELECT * FROM job WHERE substr(key, 1, length(?1)) = ?1 ORDER BY id LIMIT 2";
        let rows = sqlx::query(query).bind(key).fetch_all(&self.reads).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter().map(job).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    /// How many jobs of its line were accepted after a job, and are done.
    pub(super) async fn overtaken(&self, job: &Job) -> Result<u64, SqliteError> {
        let query = "SELECT count(*) FROM job WHERE line = ? AND id > ? AND state = ?";
        let query = sqlx::query_scalar(query).bind(&job.line).bind(job.id).bind(State::Sent.number());
        let count: i64 = query.fetch_one(&self.reads).await.map_err(|error| self.failed(error))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(super) async fn counts(&self) -> Result<Counts, SqliteError> {
        let query = "SELECT count(*) FILTER (WHERE state = ?1), count(*) FILTER (WHERE state = ?2),
            count(*) FILTER (WHERE state = ?3 AND problem <> '') FROM job";
        let query = sqlx::query_as(query).bind(State::Waiting.number()).bind(State::Dead.number());
        let found = query.bind(State::Sent.number()).fetch_one(&self.reads).await;
        let found: (i64, i64, i64) = found.map_err(|error| self.failed(error))?;
        let number = |count| u64::try_from(count).unwrap_or(0);
        Ok(Counts { waiting: number(found.0), dead: number(found.1), incomplete: number(found.2) })
    }
}
