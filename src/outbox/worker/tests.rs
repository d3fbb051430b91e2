//! Jobs carried by couriers that fail in every way that one can, out of a real file.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use tempfile::TempDir;

use super::super::job::{Carried, CourierFuture, Job, NewJob, State};
use super::super::ledger::{Answered, Outcome};
use super::*;

type Carry = dyn Fn(&mut Job, usize) -> (Duration, Carried) + Send + Sync;

/// Does what a test says, after so long, with a job and the number of calls before it.
struct Fake {
    target: String,
    carry: Box<Carry>,
    tell: Box<Carry>,
    calls: AtomicUsize,
    tellings: AtomicUsize,
    keys: Mutex<Vec<String>>,
}

impl Fake {
    fn new(
        target: &str,
        carry: impl Fn(&mut Job, usize) -> (Duration, Carried) + Send + Sync + 'static,
    ) -> Self {
        Self {
            target: target.to_owned(),
            carry: Box::new(carry),
            tell: Box::new(|_, _| (Duration::ZERO, Carried::Done)),
            calls: AtomicUsize::new(0),
            tellings: AtomicUsize::new(0),
            keys: Mutex::default(),
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Courier for Fake {
    fn hook(&self) -> &'static str {
        "hook"
    }

    fn target(&self) -> &str {
        &self.target
    }

    fn concurrency(&self) -> usize {
        2
    }

    fn carry<'c>(&'c self, job: &'c mut Job) -> CourierFuture<'c> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        self.keys.lock().unwrap().push(job.key.clone());
        Box::pin(async move {
            let (time, carried) = (self.carry)(job, number);
            sleep(time).await;
            carried
        })
    }

    fn tell<'c>(&'c self, job: &'c Job) -> CourierFuture<'c> {
        let number = self.tellings.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let (time, carried) = (self.tell)(&mut job.clone(), number);
            sleep(time).await;
            carried
        })
    }
}

fn job(courier: &str, number: usize) -> NewJob {
    NewJob {
        key: format!("{courier}-{number}"),
        courier: courier.to_owned(),
        target: courier.to_owned(),
        line: format!("{courier}#{number}"),
        annotation: number.to_string(),
        request_id: String::new(),
        progress: "{}".to_owned(),
        body: b"body".to_vec(),
    }
}

fn jobs(courier: &str, count: usize) -> Outcome {
    Outcome { jobs: (0..count).map(|number| job(courier, number)).collect(), ..Outcome::default() }
}

/// Workers over a folder, running until the test ends.
struct Running {
    workers: Arc<Workers>,
    folder: TempDir,
    _tasks: JoinSet<()>,
}

impl Running {
    fn start(couriers: &[(&str, Arc<Fake>)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), couriers)
    }

    fn start_in(folder: TempDir, couriers: &[(&str, Arc<Fake>)]) -> Self {
        let outbox = Arc::new(Outbox::new(folder.path()));
        let one = |(name, fake): &(&str, Arc<Fake>)| {
            let courier: Arc<dyn Courier> = Arc::<Fake>::clone(fake);
            ((*name).to_owned(), courier)
        };
        let workers = Arc::new(Workers::new(outbox, couriers.iter().map(one).collect()));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&workers).run());
        Self { workers, folder, _tasks: tasks }
    }

    async fn accept(&self, outcome: Outcome) {
        self.workers.outbox.accept(outcome).await.unwrap();
    }

    async fn all(&self, state: State) -> Vec<Job> {
        self.workers.outbox.list(Some(state), 1_000).await.unwrap()
    }

    async fn eventually(&self, what: &str, state: State, count: usize) -> Vec<Job> {
        let start = Instant::now();
        loop {
            let found = self.all(state).await;
            if found.len() == count {
                return found;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{what}: {found:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Says something to the file itself, and has the workers look.
    async fn sql(&self, statement: &'static str) {
        let file = self.folder.path().join("outbox.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
        self.workers.outbox.wake.notify_one();
    }
}

fn done() -> (Duration, Carried) {
    (Duration::ZERO, Carried::Done)
}

fn later(wait: u64) -> (Duration, Carried) {
    let not_before = Some(Duration::from_millis(wait));
    (
        Duration::ZERO,
        Carried::Later { problem: "it failed".to_owned(), cause: "it failed".to_owned(), not_before },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failed_try_and_in_the_end_a_dead_letter() {
    let bad = Arc::new(Fake::new("bad", |_, _| panic!("a mistake in a courier")));
    let good = Arc::new(Fake::new("good", |_, _| done()));
    let running = Running::start(&[("bad", Arc::clone(&bad)), ("good", Arc::clone(&good))]);
    running.accept(jobs("bad", 1)).await;
    running.accept(jobs("good", 20)).await;
    running.eventually("the others go on", State::Sent, 20).await;
    let start = Instant::now();
    while running.all(State::Waiting).await[0].problem.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is noted");
        sleep(Duration::from_millis(20)).await;
    }
    let waiting = running.all(State::Waiting).await;
    assert!(waiting[0].attempts >= 1 && waiting[0].problem.contains("without a verdict"), "{waiting:?}");
    // At most one try a second, whatever else happens.
    sleep(Duration::from_millis(1_500)).await;
    assert!(bad.calls() <= 3, "{} calls", bad.calls());
    running.sql("UPDATE job SET attempts = 9, due = 0 WHERE courier = 'bad'").await;
    let dead = running.eventually("it is given up", State::Dead, 1).await;
    assert_eq!((dead[0].attempts, &*dead[0].key), (10, "bad-0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_target_leaves_the_others_their_slots() {
    let slow = Arc::new(Fake::new("slow", |_, _| (Duration::from_secs(600), Carried::Done)));
    let quick = Arc::new(Fake::new("quick", |_, _| done()));
    let running = Running::start(&[("slow", Arc::clone(&slow)), ("quick", Arc::clone(&quick))]);
    running.accept(jobs("slow", 100)).await;
    let start = Instant::now();
    while slow.calls() < 2 {
        assert!(start.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10)).await;
    }
    running.accept(jobs("quick", 50)).await;
    running.eventually("all of the quick target's are sent", State::Sent, 50).await;
    assert_eq!(slow.calls(), 2, "its own slots and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_job_was_given_up_is_told_until_it_is_heard_and_once() {
    let dead = |_: &mut Job, _| {
        let text = || "no such vendor".to_owned();
        (Duration::ZERO, Carried::Dead { problem: text(), cause: text() })
    };
    let mut fake = Fake::new("erp", dead);
    fake.tell = Box::new(|job, number| {
        assert_eq!((job.problem.as_str(), job.state), ("no such vendor", State::Dead));
        match number {
            0 => panic!("a mistake in a courier"),
            1 | 2 => later(50),
            _ => done(),
        }
    });
    let fake = Arc::new(fake);
    let running = Running::start(&[("erp", Arc::clone(&fake))]);
    running.accept(jobs("erp", 1)).await;
    running.eventually("it is given up", State::Dead, 1).await;
    let start = Instant::now();
    while fake.tellings.load(Ordering::SeqCst) < 4 {
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", fake.tellings);
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs(4)).await;
    assert_eq!((fake.tellings.load(Ordering::SeqCst), fake.calls()), (4, 1));
    assert_eq!(running.all(State::Dead).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_corrected_gives_nothing_up_and_time_that_was_waited_does() {
    let fake = Arc::new(Fake::new("erp", |_, _| later(100)));
    let running = Running::start(&[("erp", Arc::clone(&fake))]);
    running.accept(jobs("erp", 1)).await;
    running.sql("UPDATE job SET accepted = 0, changed = 0").await;
    let start = Instant::now();
    while fake.calls() < 5 {
        assert!(start.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(running.all(State::Dead).await.len(), 0);
    running.sql("UPDATE job SET waited = 3 * 24 * 3600 * 1000, attempts = 30").await;
    running.eventually("it is given up", State::Dead, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_disappears_is_put_back_and_said() {
    let fake = Arc::new(Fake::new("erp", |_, number| if number < 3 { later(1_000) } else { done() }));
    let running = Running::start(&[("erp", Arc::clone(&fake))]);
    running.accept(jobs("erp", 3)).await;
    let start = Instant::now();
    while fake.calls() == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "it carries");
        sleep(Duration::from_millis(10)).await;
    }
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(running.folder.path().join(format!("outbox.sqlite{end}"))).unwrap();
    }
    let lock = running.folder.path().join(LOCK);
    std::fs::remove_file(&lock).unwrap();
    running.accept(Outcome { jobs: vec![job("erp", 7)], ..Outcome::default() }).await;
    running.eventually("none is lost", State::Sent, 4).await;
    let warnings = running.workers.outbox.health().warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("nothing is lost"), "{warnings:?}");
    let mode = std::fs::metadata(running.folder.path().join("outbox.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(File::open(&lock).unwrap().try_lock().is_err(), "the lock is held again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_known_for_its_window_however_many_come_after_it() {
    let outbox = Arc::new(Outbox::new(tempfile::tempdir().unwrap().path()));
    let answer = |number: usize| Outcome {
        answer: Some(Answered {
            hook: "x".to_owned(),
            request_id: format!("r-{number}"),
            answer: number.to_string().into_bytes(),
            window: Duration::from_secs(3_600),
        }),
        ..Outcome::default()
    };
    outbox.accept(answer(0)).await.unwrap();
    let mut all = JoinSet::new();
    for number in 1..25_000 {
        let outbox = Arc::clone(&outbox);
        all.spawn(async move { outbox.accept(answer(number)).await.unwrap() });
    }
    all.join_all().await;
    let known = outbox.recall("x", "r-0", Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(known.as_deref(), Some(&b"0"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_kept_is_carried_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("outbox.sqlite"))
        .create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
    for statement in [
        "CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, courier TEXT NOT NULL,
            line TEXT NOT NULL, annotation TEXT NOT NULL, request_id TEXT NOT NULL, state INTEGER NOT NULL, turn INTEGER NOT NULL,
            attempts INTEGER NOT NULL, accepted INTEGER NOT NULL, changed INTEGER NOT NULL, due INTEGER NOT NULL,
            problem TEXT NOT NULL, progress TEXT NOT NULL, body BLOB NOT NULL) STRICT",
        "CREATE TABLE answer (hook TEXT NOT NULL, request_id TEXT NOT NULL, answered INTEGER NOT NULL, answer BLOB NOT NULL,
            PRIMARY KEY (hook, request_id)) STRICT, WITHOUT ROWID",
        "INSERT INTO job VALUES (1, 'old', 'erp', 'erp#1', '1', 'r', 0, 1, 3, 0, 0, 0, 'p', '{}', x'61')",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let fake = Arc::new(Fake::new("erp", |job, _| {
        assert_eq!((job.target.as_str(), job.attempts, &*job.body), ("erp", 4, &b"a"[..]));
        done()
    }));
    let running = Running::start_in(folder, &[("erp", Arc::clone(&fake))]);
    running.eventually("it is sent", State::Sent, 1).await;
    assert_eq!(*fake.keys.lock().unwrap(), ["old"]);
}
