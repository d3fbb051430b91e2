//! Databases that steps look records up in, and the steps' queries on them.

use std::time::{Duration, Instant};

use crate::config::Config;

use super::{Finding, Time};

const TIME: Duration = Duration::from_secs(5);

/// Whether each database answers, and takes each query. Nothing is read of its tables.
pub(super) async fn databases(config: &Config, time: Time, tell: &(impl Fn(Finding) + Sync)) {
    let checks = config.databases.iter().map(|database| async {
        let (name, place) = (&database.name, &database.place);
        let away = |error: &dyn std::fmt::Display| {
            Finding::bad(
                format!("the database {name}, {place}: {error}"),
                "users see a message that the lookup failed: check `url`, `password`, `ca`, pg_hba.conf and the firewall",
            )
        };
        let version = match time.within(database.version(Instant::now() + TIME)).await {
            Ok(Ok(version)) => version,
            Ok(Err(error)) => return vec![away(&error)],
            Err(late) => return vec![away(&late)],
        };
        let mut found =
            vec![Finding::good(format!("the database {name}, {place}, answers (PostgreSQL {version})"))];
        for query in config.queries().filter(|query| query.database.name == *name) {
            match time.within(query.look()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => found.push(Finding::bad(
                    format!("the query at {}: {error}", query.place),
                    "correct the query, or grant its user SELECT on the table",
                )),
                Err(late) => found.push(late.unchecked(&format!("the query at {}", query.place))),
            }
        }
        found
    });
    super::side_by_side(checks.collect(), tell).await;
}
