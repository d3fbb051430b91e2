//! Exports that the outbox accepts in a second, each on disk before it is answered: one after another, and many at a time, beside
//! a bare file that is written and synced for each, in the same run and on the same disk.
//!
//!     cargo bench --bench outbox

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rossum_annex::outbox::{NewJob, Outbox, Outcome};

/// An export of a usual size.
const BODY: usize = 10_000;
const TIME: Duration = Duration::from_secs(3);

fn job(number: u64) -> NewJob {
    NewJob {
        key: format!("{number:032x}"),
        courier: "hook/step".to_owned(),
        target: "erp".to_owned(),
        line: format!("hook/step#{number}"),
        annotation: number.to_string(),
        request_id: number.to_string(),
        progress: "{}".to_owned(),
        body: vec![b'x'; BODY],
    }
}

/// Accepted in a second by so many callers at a time.
async fn rate(callers: u64) -> f64 {
    let folder = tempfile::tempdir_in("target").unwrap();
    let outbox = Arc::new(Outbox::new(folder.path()));
    outbox.probe().await.unwrap();
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let outbox = Arc::clone(&outbox);
            rossum_annex::tasks::handled(async move {
                let mut count = 0_u64;
                while start.elapsed() < TIME {
                    outbox
                        .accept(Outcome { jobs: vec![job(caller << 32 | count)], ..Outcome::default() })
                        .await
                        .unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    f64::from(u32::try_from(count).unwrap()) / start.elapsed().as_secs_f64()
}

/// Files written and synced in a second.
fn bare() -> f64 {
    let folder = tempfile::tempdir_in("target").unwrap();
    let mut file = File::create(folder.path().join("file")).unwrap();
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < TIME {
        file.write_all(&vec![b'x'; BODY]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let bare = bare();
    println!("a bare file, synced for each: {bare:.0} a second");
    for callers in [1, 16, 64, 256] {
        let rate = rate(callers).await;
        println!("{callers:>4} at a time: {rate:>6.0} accepted a second, {:.2} of it", rate / bare);
    }
}
