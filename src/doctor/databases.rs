//! Databases that steps look records up in, and the steps' queries on them.

use std::time::{Duration, Instant};

use crate::config::Config;

use super::Finding;

const TIME: Duration = Duration::from_secs(5);

/// Whether each database answers, and takes each query. Nothing is read of its tables.
pub(super) async fn databases(config: &Config, tell: &mut impl FnMut(Finding)) {
    for database in &config.databases {
        let (name, place) = (&database.name, &database.place);
        match database.version(Instant::now() + TIME).await {
            Ok(version) => {
                tell(Finding::good(format!("the database {name}, {place}, answers (PostgreSQL {version})")));
            }
            Err(error) => {
                tell(Finding::bad(
                    format!("the database {name}, {place}: {error}"),
                    "people at the screen read that nothing can be looked up: look at `url`, `password` and `ca`, at pg_hba.conf and the firewall",
                ));
                continue;
            }
        }
        for query in config.queries().filter(|query| query.database.name == *name) {
            if let Err(error) = query.look().await {
                tell(Finding::bad(
                    format!("the query at {}: {error}", query.place),
                    "mend the query, or grant its user SELECT on the table",
                ));
            }
        }
    }
}
