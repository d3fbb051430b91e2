//! A search of records that are near in a column, by its index: the same or the beginning once made comparable, or similar.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::counted::{Candidate, Looked};
use super::names::quoted;
use super::near::counted;
use super::normal::{grams, grams_of_beginning, indexed};
use super::problem::Problem;
use super::query::Found;
use super::ranking::{RANKED, ranked};
use super::search::{Asked, scored};
use super::{Keys, Record};

/// Of all that may fit, so many are read.
const CANDIDATES: usize = 1_000;

/// How a text is to be found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Near {
    /// The same, once normalized.
    Same,
    /// It begins so, once normalized.
    Beginning,
}

impl Asked<'_> {
    /// What is the same, or begins so, in all columns. The index of the first finds it.
    pub(super) async fn same(&self, connection: &mut SqliteConnection, near: Near) -> Result<Found, Problem> {
        let given = &self.given[..];
        let wanted: Vec<Keys> = given.iter().map(|(_, value)| Keys::new(value)).collect();
        let Some((first, value)) = given.first() else { return Ok(Found::default()) };
        let grams = if near == Near::Same { grams } else { grams_of_beginning }(&indexed(value));
        let place = (&*self.search.dataset, &*first.column);
        let counted = counted(connection, self.hot, place, &grams, 1.0, self.budget).await?;
        let looked = match near {
            Near::Same => Looked::new(vec![counted], 1.0, CANDIDATES),
            Near::Beginning => Looked::whole(counted, CANDIDATES),
        };
        let candidates = self.candidates(looked).await?;
        let (mut found, _) = self.read(connection, &candidates).await?;
        let places: Vec<Option<usize>> = given
            .iter()
            .map(|(compared, _)| {
                found.columns.iter().position(|column| column.eq_ignore_ascii_case(&compared.column))
            })
            .collect();
        let mut records = Vec::with_capacity(found.records.len());
        for record in found.records.drain(..) {
            self.budget.turn().await?;
            let fits = places.iter().zip(&wanted).all(|(place, wanted)| {
                let text = place.and_then(|at| record[at].as_deref()).unwrap_or_default();
                let keys = Keys::new(text);
                if near == Near::Same { keys.is_same(wanted) } else { keys.begins_as(wanted) }
            });
            if fits {
                records.push(record);
            }
        }
        records.truncate(self.most);
        found.records = records;
        Ok(scored(found, |_| 1.0))
    }

    /// What is similar on the whole, ranked. The indexes of all columns know how similar a record is before it is read.
    pub(super) async fn similar(
        &self,
        connection: &mut SqliteConnection,
        least: f64,
    ) -> Result<Found, Problem> {
        let given = &self.given[..];
        let mut columns = Vec::with_capacity(given.len());
        for (compared, value) in given {
            let (place, grams) = ((&*self.search.dataset, &*compared.column), grams(&indexed(value)));
            let weight = compared.weight;
            columns.push(counted(connection, self.hot, place, &grams, weight, self.budget).await?);
        }
        let most = self.most.max(RANKED);
        let enough = if self.search.only.is_empty() { most } else { CANDIDATES.max(most) };
        let candidates = self.candidates(Looked::new(columns, least, enough)).await?;
        let (mut found, numbers) = self.read(connection, &candidates).await?;
        let places: HashMap<usize, usize> =
            candidates.iter().enumerate().map(|(place, (number, _))| (*number, place)).collect();
        let place = |number: usize| places.get(&number).copied().unwrap_or(usize::MAX);
        let mut records: Vec<(usize, Record)> =
            numbers.into_iter().map(place).zip(found.records.drain(..)).collect();
        records.sort_by_key(|(place, _)| *place);
        records.truncate(most);
        let (order, records): (Vec<usize>, Vec<Record>) = records.into_iter().unzip();
        found.records = records;
        let similarity = |at: usize| candidates.get(order[at]).map_or(0.0, |(_, similarity)| *similarity);
        let found = scored(found, similarity);
        Ok(ranked(found, given, self.search.decides, self.most, self.budget).await?)
    }

    /// The records that fit, the most similar first.
    async fn candidates(&self, mut looked: Looked) -> Result<Vec<Candidate>, Problem> {
        for chunk in 0..looked.chunks() {
            self.budget.turn().await?;
            looked.look(chunk);
        }
        Ok(looked.best())
    }

    /// Reads records in the order of their numbers, which it gives too; only those with the values that columns must have.
    async fn read(
        &self,
        connection: &mut SqliteConnection,
        candidates: &[Candidate],
    ) -> Result<(Found, Vec<usize>), Problem> {
        let (mut found, mut read) = (Found::default(), Vec::with_capacity(candidates.len()));
        if candidates.is_empty() {
            return Ok((found, read));
        }
        let numbers: Vec<String> = candidates.iter().map(|(number, _)| number.to_string()).collect();
        let only = self.search.only.iter().map(|(column, _)| format!(" AND {} = ?", quoted(column)));
        let statement = format!(
            "SELECT {number}, * FROM {} WHERE {number} IN ({}){} ORDER BY {number}",
            quoted(&self.search.dataset),
            numbers.join(", "),
            only.collect::<String>(),
            number = self.number
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for (_, value) in &self.search.only {
            query = query.bind(value);
        }
        let mut rows = query.fetch(connection);
        while let Some(row) = rows.try_next().await? {
            read.push(usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0));
            found.add(&row, 1, self.budget)?;
        }
        Ok((found, read))
    }
}
