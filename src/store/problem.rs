//! Why a search ended before its end.

use crate::slices::Spent;

#[derive(Debug)]
pub(super) enum Problem {
    Sqlite(sqlx::Error),
    Spent(Spent),
    NoDataset,
    NoColumn { name: String, columns: Vec<String> },
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Spent> for Problem {
    fn from(spent: Spent) -> Self {
        Self::Spent(spent)
    }
}
