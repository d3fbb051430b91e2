//! The one writer: all that waits goes into one commit, and so under one sync of the disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Connection as _, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::warn;

use crate::clock;
use crate::sqlite::{self, SqliteError};

use super::forget::Forgetting;
use super::job::State;
use super::ledger::{Answered, Note, Outcome, Run};
use super::table::milliseconds;

/// Orders in one commit.
const BATCH: usize = 256;
/// How long it is known what was sent and dropped, without its data; and what of an unfinished run was taken.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long answers are kept at least: those of a version that did not say for how long.
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Between two cleanings, and before the first: a clock that is wrong at the start has been set by then.
const CLEAN: Duration = Duration::from_secs(600);
/// As large as a job.
const ROOM: i64 = 100_000;

const NO_ROOM_FOR_LOG: &str = "the disk is full: what is in the log of the file has hardly room any more; make room, and end what reads the file for long";

pub(super) struct Message {
    pub(super) order: Order,
    pub(super) done: oneshot::Sender<Result<u64, Arc<SqliteError>>>,
}

pub(super) enum Order {
    Accept(Box<Outcome>),
    /// A try of a job in this state begins, by who knows its last fence.
    Begin {
        id: i64,
        fence: i64,
        state: State,
        wait: Duration,
    },
    Note {
        id: i64,
        fence: i64,
        note: Note,
    },
    Aim {
        courier: String,
        target: String,
    },
    Retry {
        key: String,
    },
    Drop {
        key: String,
    },
    /// Takes as much room as a job does, or gives it back.
    Room(bool),
}

pub(super) async fn run(pool: SqlitePool, file: PathBuf, mut orders: mpsc::Receiver<Message>) {
    let mut cleaned = Instant::now();
    let mut batch = Vec::with_capacity(BATCH);
    let mut forgetting = Forgetting::new();
    clear_earlier(&pool).await;
    loop {
        match timeout(forgetting.wait(), orders.recv_many(&mut batch, BATCH)).await {
            Ok(0) => break,
            Ok(_) => forgetting.written(),
            Err(_) => {
                forgetting.forget(&pool).await;
                continue;
            }
        }
        let cleans = cleaned.elapsed() > CLEAN;
        if !sqlite::log_has_room(&file) {
            forgetting.forget(&pool).await;
            if !sqlite::log_has_room(&file) {
                let error = || io::Error::new(io::ErrorKind::StorageFull, NO_ROOM_FOR_LOG).into();
                for message in batch.drain(..) {
                    let error = SqliteError::Sqlite { file: file.clone(), error: error() };
                    let _ = message.done.send(Err(Arc::new(error)));
                }
                continue;
            }
        }
        let mut committed = commit(&pool, &batch, cleans).await;
        if cleans && committed.is_ok() {
            cleaned = Instant::now();
        }
        if committed.as_ref().is_err_and(sqlite::is_full) {
            // The log may be what fills the disk.
            forgetting.forget(&pool).await;
            if batch.len() == 1 {
                committed = commit(&pool, &batch, false).await;
            }
        }
        match committed {
            Ok(changes) => {
                for (message, changed) in batch.drain(..).zip(changes) {
                    let _ = message.done.send(Ok(changed)); // who no longer waits need not know
                }
            }
            // What one of them cannot have, another may: a small note where a large job has no room.
            Err(error) => {
                let is_alone = batch.len() == 1 && !cleans;
                let mut first = Some(error).filter(|_| is_alone);
                for message in batch.drain(..) {
                    let result = match first.take() {
                        Some(error) => Err(error),
                        None => commit(&pool, std::slice::from_ref(&message), false).await,
                    };
                    let result = result
                        .map(|changes| changes.first().copied().unwrap_or(0))
                        .map_err(|error| Arc::new(SqliteError::Sqlite { file: file.clone(), error }));
                    let _ = message.done.send(result);
                }
            }
        }
    }
    forgetting.forget(&pool).await;
    pool.close().await;
}

/// One transaction. After an error nobody knows what the connection believes of it (a full disk has SQLite roll back by
/// itself, and sqlx counts on): it is closed, and the next commit has a fresh one.
async fn commit(pool: &SqlitePool, batch: &[Message], cleans: bool) -> Result<Vec<u64>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let result = transact(&mut connection, batch, cleans).await;
    if result.is_err() {
        let _ = connection.close().await; // what it could not write it cannot say either
    }
    result
}

async fn transact(
    connection: &mut SqliteConnection,
    batch: &[Message],
    cleans: bool,
) -> Result<Vec<u64>, sqlx::Error> {
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut changes = Vec::with_capacity(batch.len());
    for message in batch {
        changes.push(carry_out(&mut work, &message.order).await?);
    }
    if cleans {
        clean(&mut work).await?;
    }
    work.commit().await?;
    Ok(changes)
}

type Work<'w, 'c> = &'w mut Transaction<'c, Sqlite>;

fn span(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

async fn carry_out(work: Work<'_, '_>, order: &Order) -> Result<u64, sqlx::Error> {
    let now = milliseconds(clock::now());
    let query = match order {
        Order::Accept(outcome) => return accept(work, outcome, now).await,
        Order::Note { id, fence, note } => return write_down(work, (*id, *fence), note, now).await,
        Order::Begin { id, fence, state: State::Dead, wait } => sqlx::query(
            "UPDATE job SET fence = fence + 1, tellings = tellings + 1, due = ? WHERE id = ? AND fence = ? AND state = 2 AND tellings > 0",
        )
        .bind(now.saturating_add(span(*wait)))
        .bind(id)
        .bind(fence),
        Order::Begin { id, fence, wait, .. } => sqlx::query(
            "UPDATE job SET fence = fence + 1, attempts = attempts + 1, due = ? WHERE id = ? AND fence = ? AND state = 0",
        )
        .bind(now.saturating_add(span(*wait)))
        .bind(id)
        .bind(fence),
        Order::Aim { courier, target } => sqlx::query(
            "UPDATE job SET target = ?1 WHERE courier = ?2 AND target <> ?1 AND (state = 0 OR tellings > 0)",
        )
        .bind(target)
        .bind(courier),
        Order::Retry { key } => sqlx::query(
            "UPDATE job SET state = 0, attempts = 0, waited = 0, tellings = 0, telling = '', problem = '', changed = ?1, due = ?1
                WHERE key = ?2 AND state IN (0, 2)",
        )
        .bind(now)
        .bind(key),
        Order::Drop { key } => sqlx::query(
            "UPDATE job SET state = 3, changed = ?, tellings = 0, telling = '', problem = '', progress = '', body = x'' WHERE key = ? AND state IN (0, 2)",
        )
        .bind(now)
        .bind(key),
        Order::Room(true) => {
            sqlx::query("INSERT OR REPLACE INTO room VALUES (1, zeroblob(?))").bind(ROOM)
        }
        Order::Room(false) => sqlx::query("DELETE FROM room"),
    };
    let changed = query.execute(&mut **work).await?.rows_affected();
    if let Order::Drop { key } | Order::Retry { key } = order
        && changed > 0
    {
        pass_on(work, "key", key).await?;
    }
    Ok(changed)
}

/// All that a delivery leaves behind; how many of its jobs were new.
async fn accept(work: Work<'_, '_>, outcome: &Outcome, now: i64) -> Result<u64, sqlx::Error> {
    let mut new = 0;
    for job in &outcome.jobs {
        let query = sqlx::query(
            "INSERT INTO job (key, courier, target, line, annotation, request_id, state, turn, attempts, accepted, changed,
                due, problem, progress, body) VALUES (?1, ?2, ?9, ?3, ?4, ?5, 0,
                NOT EXISTS (SELECT 1 FROM job WHERE line = ?3 AND state = 0), 0, ?6, ?6, ?6, '', ?7, ?8)
                ON CONFLICT (key) DO NOTHING",
        )
        .bind(&job.key)
        .bind(&job.courier)
        .bind(&job.line)
        .bind(&job.annotation)
        .bind(&job.request_id)
        .bind(now)
        .bind(&job.progress)
        .bind(&job.body)
        .bind(&job.target);
        new += query.execute(&mut **work).await?.rows_affected();
    }
    for Run { courier, annotation, taken, .. } in &outcome.runs {
        let query = match taken {
            Some(taken) => sqlx::query("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)")
                .bind(courier)
                .bind(annotation)
                .bind(now)
                .bind(taken),
            None => sqlx::query("DELETE FROM run WHERE courier = ? AND annotation = ?")
                .bind(courier)
                .bind(annotation),
        };
        query.execute(&mut **work).await?;
    }
    if let Some(Answered { hook, request_id, answer, window }) = &outcome.answer {
        sqlx::query("INSERT OR REPLACE INTO answer (hook, request_id, answered, answer, until) VALUES (?, ?, ?, ?, ?)")
            .bind(hook)
            .bind(request_id)
            .bind(now)
            .bind(answer)
            .bind(now.saturating_add(span(*window)))
            .execute(&mut **work)
            .await?;
    }
    Ok(new)
}

/// What became of a try; nothing where the job is no longer this try's.
async fn write_down(
    work: Work<'_, '_>,
    (id, fence): (i64, i64),
    note: &Note,
    now: i64,
) -> Result<u64, sqlx::Error> {
    let due = |wait: &Duration| now.saturating_add(span(*wait));
    let query = match note {
        Note::Further { progress, body, goes_on, wait } => sqlx::query(
            "UPDATE job SET progress = ?4, body = ?5, attempts = ?6, waited = 0, problem = '', changed = ?3, due = ?7
                WHERE id = ?1 AND fence = ?2 AND state = 0",
        )
        .bind(id)
        .bind(fence)
        .bind(now)
        .bind(progress)
        .bind(body)
        .bind(i64::from(*goes_on))
        .bind(if *goes_on { due(wait) } else { now }),
        Note::Later { problem, wait } => sqlx::query(
            "UPDATE job SET problem = ?4, changed = ?3, due = ?5, waited = waited + ?6 WHERE id = ?1 AND fence = ?2 AND state = 0",
        )
        .bind(id)
        .bind(fence)
        .bind(now)
        .bind(problem)
        .bind(due(wait))
        .bind(span(*wait)),
        Note::End { state: State::Sent, problem, .. } => sqlx::query(
            "UPDATE job SET state = 1, problem = ?4, changed = ?3, progress = '', body = x'' WHERE id = ?1 AND fence = ?2 AND state = 0",
        )
        .bind(id)
        .bind(fence)
        .bind(now)
        .bind(problem),
        Note::End { state, problem, telling } => sqlx::query(
            "UPDATE job SET state = ?4, problem = ?5, telling = ?6, changed = ?3, due = ?3, tellings = (?4 = 2) WHERE id = ?1 AND fence = ?2 AND state = 0",
        )
        .bind(id)
        .bind(fence)
        .bind(now)
        .bind(state.number())
        .bind(problem)
        .bind(telling),
        Note::Told => sqlx::query("UPDATE job SET tellings = 0, telling = '' WHERE id = ? AND fence = ? AND state = 2")
            .bind(id)
            .bind(fence),
        Note::TellLater { wait } => {
            sqlx::query("UPDATE job SET due = ?3 WHERE id = ?1 AND fence = ?2 AND state = 2")
                .bind(id)
                .bind(fence)
                .bind(due(wait))
        }
    };
    let changed = query.execute(&mut **work).await?.rows_affected();
    if changed > 0 && matches!(note, Note::End { .. }) {
        pass_on(work, "id", id).await?;
    }
    if changed > 0 && matches!(note, Note::End { state: State::Sent, .. }) {
        put_anew(work, id).await?;
    }
    Ok(changed)
}

/// Puts the row of a job that was sent anew. SQLite leaves a row that shrinks alone on its page, so each of them would keep
/// four kilobytes for as long as its key is known.
async fn put_anew(work: Work<'_, '_>, id: i64) -> Result<(), sqlx::Error> {
    for statement in [
        "CREATE TEMP TABLE IF NOT EXISTS anew AS SELECT * FROM job WHERE 0",
        "INSERT INTO anew SELECT * FROM job WHERE id = ?1",
        "DELETE FROM job WHERE id = ?1",
        "INSERT INTO job SELECT * FROM anew",
        "DELETE FROM anew",
    ] {
        let query = sqlx::query(statement);
        let query = if statement.contains("?1") { query.bind(id) } else { query };
        query.execute(&mut **work).await?;
    }
    Ok(())
}

/// The first that waits in a job's line has its turn, and no other.
async fn pass_on<'q, V>(work: &mut Transaction<'_, Sqlite>, column: &str, value: V) -> Result<(), sqlx::Error>
where
    V: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Send + 'q,
{
    // `column` is one of ours.
    let statement = format!(
        "UPDATE job SET turn = (id = (SELECT min(first.id) FROM job first WHERE first.line = job.line AND first.state = 0))
            WHERE state = 0 AND line = (SELECT line FROM job WHERE {column} = ?)
            AND (turn = 1 OR id = (SELECT min(first.id) FROM job first WHERE first.line = job.line AND first.state = 0))"
    );
    sqlx::query(AssertSqlSafe(statement)).bind(value).execute(&mut **work).await?;
    Ok(())
}

/// Earlier builds kept what the other system said of an export that was dropped. Looked for once, at the start; where that
/// fails, at the next.
async fn clear_earlier(pool: &SqlitePool) {
    let query = sqlx::query("UPDATE job SET problem = '' WHERE state = 3 AND problem <> ''");
    if let Err(error) = query.execute(pool).await {
        warn!("what an earlier build kept of dropped exports stays until the next start: {error}");
    }
}

/// What nobody will ask for again.
async fn clean(work: &mut Transaction<'_, Sqlite>) -> Result<(), sqlx::Error> {
    let before =
        |span| milliseconds(clock::now().checked_sub(span).unwrap_or(std::time::SystemTime::UNIX_EPOCH));
    sqlx::query("DELETE FROM job WHERE state IN (1, 3) AND changed < ?")
        .bind(before(KEPT))
        .execute(&mut **work)
        .await?;
    sqlx::query("DELETE FROM run WHERE changed < ?").bind(before(KEPT)).execute(&mut **work).await?;
    // Its window is what the hook promises: nothing is forgotten before.
    sqlx::query("DELETE FROM answer WHERE until > 0 AND until < ? OR until = 0 AND answered < ?")
        .bind(before(Duration::ZERO))
        .bind(before(ANSWERS_KEPT))
        .execute(&mut **work)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::open::Open;
    use super::*;

    #[tokio::test]
    async fn what_an_earlier_build_kept_of_a_dropped_export_goes_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let open = Open::new(folder.path()).await.unwrap();
        let insert = "INSERT INTO job (key, courier, target, line, annotation, request_id, state, turn, attempts, accepted, changed,
            due, problem, progress, body) VALUES (?, 'c', 't', 'l', '7', 'r', ?, 0, 0, 0, 0, 0, 'IBAN 17 is wrong', '', x'')";
        for (key, state) in [("dropped", 3), ("dead", 2)] {
            sqlx::query(insert).bind(key).bind(state).execute(&open.reads).await.unwrap();
        }
        open.close().await;
        let open = Open::new(folder.path()).await.unwrap();
        open.order(Order::Room(false)).await.unwrap();
        let problem = async |key: &str| {
            let query = sqlx::query_scalar::<_, String>("SELECT problem FROM job WHERE key = ?");
            query.bind(key).fetch_one(&open.reads).await.unwrap()
        };
        assert_eq!(problem("dropped").await, "");
        assert_eq!(problem("dead").await, "IBAN 17 is wrong", "an operator reads it");
    }
}
