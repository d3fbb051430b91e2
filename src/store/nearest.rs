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

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::time::{Duration, Instant};

    use super::super::search::{Compared, Search, SearchKind};
    use super::super::{Decides, Import, Reader, Store, similarity};
    use super::*;
    use crate::slices::Budget;

    fn name(number: usize) -> String {
        let (firsts, seconds) =
            (["Acme", "Nord", "Süd", "Kůň", "Zeta", "Rex"], ["Bau", "Steel", "Steal", "Trade"]);
        let thirds = ["GmbH", "Ltd", "Praha", "Wien", ""];
        format!("{} {} {}", firsts[number * 7 % 6], seconds[number * 5 % 4], thirds[number * 11 % 5])
    }

    fn record(number: usize) -> Record {
        let city = ["Praha 1", "Wien", "Brno", "Praha 10", "Steyr", "Linz", "Leeds"][number * 13 % 7];
        let address = format!("Street {}, {city}", number % 97);
        [number.to_string(), name(number), address].map(Some).to_vec()
    }

    async fn imported(store: &Store, numbers: Range<usize>) {
        let columns = ["id", "name", "address"].map(str::to_owned).to_vec();
        let near = ["name", "address"].map(str::to_owned).to_vec();
        let import = Import { near, ..Import::new("v", columns, "test") };
        let records = numbers.map(|number| Ok((1, record(number))));
        store.import(&import, records, |_| {}).await.unwrap();
    }

    fn search(least: f64, only: Vec<(String, String)>) -> Search {
        let compared = |(column, weight): (&str, f64)| Compared {
            column: column.to_owned(),
            field: "x".to_owned(),
            weight,
            around: <(String, String)>::default(),
        };
        Search {
            dataset: "v".to_owned(),
            kind: SearchKind::Fuzzy(least),
            compared: [("name", 2.0), ("address", 1.0)].map(compared).to_vec(),
            only,
            decides: Decides::default(),
        }
    }

    /// What a look at each record finds and ranks.
    async fn exhaustive(
        search: &Search,
        least: f64,
        values: &[Option<String>],
        records: Range<usize>,
        most: usize,
    ) -> Found {
        let given = search.given(values).unwrap();
        let weights: f64 = given.iter().map(|(compared, _)| compared.weight).sum();
        let of = |number: usize| {
            let record = record(number);
            let place = |compared: &Compared| if compared.column == "name" { 1 } else { 2 };
            let of = |(compared, value): &(&Compared, &str)| {
                compared.weight * similarity(value, record[place(compared)].as_deref().unwrap_or_default())
            };
            (given.iter().map(of).sum::<f64>() / weights, record)
        };
        let mut all: Vec<(f64, Record)> =
            records.map(of).filter(|(similarity, _)| *similarity >= least).collect();
        all.retain(|(_, record)| {
            search.only.iter().all(|(column, value)| column == "address" && record[2].as_ref() == Some(value))
        });
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate(most.max(RANKED));
        let records = all.into_iter().map(|(_, record)| record).collect();
        let columns = ["id", "name", "address"].map(str::to_owned).to_vec();
        let found = scored(Found { columns, records, ..Found::default() }, |_| 0.0);
        let later = Instant::now() + Duration::from_secs(60);
        ranked(found, &given, search.decides, most, &Budget::until(later)).await.unwrap()
    }

    #[tokio::test]
    async fn several_columns_are_ranked_as_by_a_look_at_each_record_and_an_import_is_seen_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let reader = Reader::new(folder.path());
        let later = Instant::now() + Duration::from_secs(300);
        let mut count = 0;
        // The second import has other records under the same numbers; what of the first is in memory does not count.
        for records in [0..700, 300..1_200] {
            imported(&store, records.clone()).await;
            for number in 0..10_usize {
                let address = (number % 3 > 0).then(|| format!("St. {number}, Praha"));
                let values = [Some(name(number * 3).replacen('e', "c", 1)), address];
                for least in [0.3, 0.6] {
                    let only = if number % 5 == 4 {
                        vec![("address".to_owned(), "Street 7, Wien".to_owned())]
                    } else {
                        Vec::new()
                    };
                    let search = search(least, only);
                    let expected = exhaustive(&search, least, &values, records.clone(), 10).await;
                    let found = reader.search(&search, &values, 10, later).await.unwrap();
                    assert_eq!(found.records, expected.records, "{values:?} at {least}");
                    assert!(found.records.is_empty() || found.choice == expected.choice);
                    count += found.records.len();
                }
            }
        }
        assert!(count > 200, "{count}");
    }
}
