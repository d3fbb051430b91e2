//! The one writer: all that waits goes into one commit, and so under one sync of the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::clock;
use crate::sqlite::SqliteError as StoreError;

use super::forget::Forgetting;
use super::job::{NewJob, State};
use super::table::milliseconds;

/// Orders in one commit.
const BATCH: usize = 256;
/// How long it is known what was sent and dropped, without its data.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long answers are kept: longer than any window (`repeat_window`).
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Answers that are kept at most: some hundred megabytes of large ones.
const MOST_ANSWERS: i64 = 20_000;
/// Commits between two cleanings.
const CLEAN: u32 = 500;

pub(super) struct Message {
    pub(super) order: Order,
    pub(super) done: oneshot::Sender<Result<u64, Arc<StoreError>>>,
}

pub(super) enum Order {
    Accept(Box<NewJob>),
    Remember {
        hook: String,
        request_id: String,
        answer: Vec<u8>,
    },
    /// A part is done: what is kept of the job.
    Further {
        id: i64,
        progress: String,
        body: Vec<u8>,
    },
    Later {
        id: i64,
        problem: String,
        wait: Duration,
    },
    End {
        id: i64,
        state: State,
        problem: String,
    },
    Retry {
        key: String,
    },
    Drop {
        key: String,
    },
}

pub(super) async fn run(pool: SqlitePool, file: PathBuf, mut orders: mpsc::Receiver<Message>) {
    let mut commits: u32 = 0;
    let mut batch = Vec::with_capacity(BATCH);
    let mut forgetting = Forgetting::new();
    loop {
        match timeout(forgetting.wait(), orders.recv_many(&mut batch, BATCH)).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => {
                forgetting.forget(&pool).await;
                continue;
            }
        }
        let result = commit(&pool, &batch, commits.is_multiple_of(CLEAN)).await;
        commits = commits.wrapping_add(1);
        match result {
            Ok(changes) => {
                forgetting.written();
                for (message, changed) in batch.drain(..).zip(changes) {
                    let _ = message.done.send(Ok(changed)); // who no longer waits need not know
                }
            }
            Err(error) => {
                let error = Arc::new(StoreError::Sqlite { file: file.clone(), error });
                for message in batch.drain(..) {
                    let _ = message.done.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
    forgetting.forget(&pool).await;
    pool.close().await;
}

async fn commit(pool: &SqlitePool, batch: &[Message], cleans: bool) -> Result<Vec<u64>, sqlx::Error> {
    let mut work = pool.begin_with("BEGIN IMMEDIATE").await?;
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

async fn carry_out(work: &mut Transaction<'_, Sqlite>, order: &Order) -> Result<u64, sqlx::Error> {
    let now = milliseconds(clock::now());
    let query = match order {
        Order::Accept(job) => sqlx::query(
            "INSERT INTO job (key, courier, line, annotation, request_id, state, turn, attempts, accepted, changed,
                due, problem, progress, body) VALUES (?1, ?2, ?3, ?4, ?5, 0,
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
        .bind(&job.body),
        Order::Remember { hook, request_id, answer } => {
            sqlx::query("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)")
                .bind(hook)
                .bind(request_id)
                .bind(now)
                .bind(answer)
        }
        Order::Further { id, progress, body } => sqlx::query(
            "UPDATE job SET progress = ?1, body = ?2, attempts = 0, problem = '', changed = ?3, due = ?3 WHERE id = ?4 AND state = 0",
        )
        .bind(progress)
        .bind(body)
        .bind(now)
        .bind(id),
        Order::Later { id, problem, wait } => sqlx::query(
            "UPDATE job SET attempts = attempts + 1, problem = ?, changed = ?, due = ? WHERE id = ? AND state = 0",
        )
        .bind(problem)
        .bind(now)
        .bind(now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
        .bind(id),
        Order::End { id, state: State::Sent, .. } => sqlx::query(
            "UPDATE job SET state = 1, attempts = attempts + 1, problem = '', changed = ?, progress = '', body = x'' WHERE id = ? AND state = 0",
        )
        .bind(now)
        .bind(id),
        Order::End { id, state, problem } => sqlx::query(
            "UPDATE job SET state = ?, attempts = attempts + 1, problem = ?, changed = ? WHERE id = ? AND state = 0",
        )
        .bind(state.number())
        .bind(problem)
        .bind(now)
        .bind(id),
        Order::Retry { key } => sqlx::query(
            "UPDATE job SET state = 0, attempts = 0, problem = '', changed = ?1, due = ?1 WHERE key = ?2 AND state IN (0, 2)",
        )
        .bind(now)
        .bind(key),
        Order::Drop { key } => sqlx::query(
            "UPDATE job SET state = 3, changed = ?, progress = '', body = x'' WHERE key = ? AND state IN (0, 2)",
        )
        .bind(now)
        .bind(key),
    };
    let changed = query.execute(&mut **work).await?.rows_affected();
    if changed > 0 {
        match order {
            Order::End { id, .. } => pass_on(work, "id", *id).await?,
            Order::Drop { key } | Order::Retry { key } => pass_on(work, "key", key).await?,
            _ => {}
        }
    }
    Ok(changed)
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

/// What nobody will ask for again.
async fn clean(work: &mut Transaction<'_, Sqlite>) -> Result<(), sqlx::Error> {
    let before =
        |span| milliseconds(clock::now().checked_sub(span).unwrap_or(std::time::SystemTime::UNIX_EPOCH));
    sqlx::query("DELETE FROM job WHERE state IN (1, 3) AND changed < ?")
        .bind(before(KEPT))
        .execute(&mut **work)
        .await?;
    sqlx::query(
        "DELETE FROM answer WHERE answered < ?1 OR answered <=
            (SELECT answered FROM answer ORDER BY answered DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(before(ANSWERS_KEPT))
    .bind(MOST_ANSWERS)
    .execute(&mut **work)
    .await?;
    Ok(())
}
