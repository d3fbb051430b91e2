//! A search of records that are near in a column, by its index: the same or the beginning once made comparable, or similar.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::names::quoted;
use super::near::{self, Comparable, Near};
use super::problem::Problem;
use super::query::Found;
use super::ranking::{RANKED, ranked};
use super::search::{Asked, scored};
use super::{Keys, Record};

/// Of all that may be similar in one column, so many are compared in all.
const CANDIDATES: usize = 1_000;

impl Asked<'_> {
    pub(super) async fn near(&self, connection: &mut SqliteConnection, near: Near) -> Result<Found, Problem> {
        let (search, given, most) = (self.search, &self.given[..], self.most);
        // Who is near on the whole is near in one column at least: the mean is not above the largest.
        let best = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let mut candidates: HashMap<u32, f64> = HashMap::new();
        let columns = if matches!(near, Near::Similar(_)) { given } else { &given[..1] };
        for (compared, value) in columns {
            let (dataset, column) = (&search.dataset, &compared.column);
            let mut found = near::find(connection, dataset, column, value, near, self.budget).await?;
            self.budget.turn().await?;
            self.budget.give_back(found.len() * size_of::<(u32, f64)>());
            // Who is among the best on the whole is so in one column.
            let enough = CANDIDATES.max(most);
            if found.len() > enough {
                found.select_nth_unstable_by(enough, best);
                found.truncate(enough);
            }
            let before = candidates.len();
            for (number, similarity) in found {
                let best = candidates.entry(number).or_default();
                *best = best.max(similarity);
            }
            self.budget.take((candidates.len() - before) * 2 * size_of::<(u32, f64)>())?;
        }
        let mut candidates: Vec<(u32, f64)> = candidates.into_iter().collect();
        self.budget.turn().await?;
        // With one column the order is known already.
        let is_known = given.len() == 1 && search.only.is_empty() && matches!(near, Near::Similar(_));
        let enough = if is_known { most.max(RANKED) } else { CANDIDATES };
        if candidates.len() > enough {
            candidates.select_nth_unstable_by(enough, best);
            candidates.truncate(enough);
        }
        candidates.sort_by(best);
        if candidates.is_empty() {
            return Ok(Found::default());
        }
        let numbers: Vec<String> = candidates.iter().map(|(number, _)| number.to_string()).collect();
        let statement = format!(
            "SELECT {number}, * FROM {} WHERE {number} IN ({})",
            quoted(&search.dataset),
            numbers.join(", "),
            number = self.number
        );
        let mut all = Found::default();
        let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            all.add(&row, 1, self.budget)?;
        }
        let places: Vec<Option<usize>> = given
            .iter()
            .map(|(compared, _)| {
                all.columns.iter().position(|column| column.eq_ignore_ascii_case(&compared.column))
            })
            .collect();
        let cell = |record: &Record, at: usize| {
            places[at].and_then(|place| record[place].clone()).unwrap_or_default()
        };
        for (column, value) in &search.only {
            let place = all.columns.iter().position(|known| known.eq_ignore_ascii_case(column));
            let place = place.ok_or_else(|| sqlx::Error::ColumnNotFound(column.clone()))?;
            all.records.retain(|record| record[place].as_deref() == Some(value));
        }
        let wanted: Vec<Keys> = given.iter().map(|(_, value)| Keys::new(value)).collect();
        let comparable: Vec<Comparable> = given.iter().map(|(_, value)| Comparable::new(value)).collect();
        let score = |record: &Record| -> f64 {
            match near {
                Near::Similar(_) => {
                    let weights: f64 = given.iter().map(|(compared, _)| compared.weight).sum();
                    let of = |at: usize| given[at].0.weight * comparable[at].similarity(&cell(record, at));
                    (0..given.len()).map(of).sum::<f64>() / weights
                }
                Near::Same => {
                    f64::from((0..given.len()).all(|at| Keys::new(&cell(record, at)).is_same(&wanted[at])))
                }
                Near::Beginning => {
                    f64::from((0..given.len()).all(|at| Keys::new(&cell(record, at)).begins_as(&wanted[at])))
                }
            }
        };
        let least = match near {
            Near::Similar(least) => least,
            Near::Same | Near::Beginning => 1.0,
        };
        let mut scores: Vec<(f64, Record)> = Vec::with_capacity(all.records.len());
        for record in all.records.drain(..) {
            self.budget.turn().await?;
            scores.push((score(&record), record));
        }
        scores.retain(|(score, _)| *score >= least);
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let is_similar = matches!(near, Near::Similar(_));
        scores.truncate(if is_similar { most.max(RANKED) } else { most });
        let (scores, records): (Vec<f64>, Vec<Record>) = scores.into_iter().unzip();
        all.records = records;
        let all = scored(all, |at| scores[at]);
        if !is_similar {
            return Ok(all);
        }
        Ok(ranked(all, given, search.decides, most, self.budget).await?)
    }
}
