//! What is taken out of an answer: `{"response.body": {"$jmespath": "data.id"}}`.

use std::sync::LazyLock;

use fancy_regex::Regex;
use jmespath::{Expression, Variable};
use serde_json::{Map, Value as Json};

use crate::slices::{Budget, Spent};

use super::scope::{plain, words};
use super::template::{Path, Segment};
use super::xml_path::XmlPath;

/// What a part is that an answer does not have.
static EMPTY: LazyLock<Json> = LazyLock::new(|| Json::Object(Map::new()));

pub(super) struct Extract {
    /// Within the answer; it begins with `response`.
    pub(super) path: Path,
    pub(super) query: Query,
}

pub(super) enum Query {
    JmesPath(Box<Expression<'static>>),
    XmlPath(XmlPath),
    Regex(Regex),
}

impl Extract {
    /// `null` where there is nothing, or why nothing can be.
    pub(super) fn from(&self, answer: &Json, budget: &Budget) -> Result<Json, String> {
        let value = self.walk(answer);
        match &self.query {
            Query::JmesPath(query) => {
                let value = plain(value);
                let found = query.search(value).map_err(|_| "the `$jmespath` does not fit the answer")?;
                size(&found, budget).map_err(|spent| format!("what the `$jmespath` finds: {spent}"))?;
                serde_json::to_value(&*found).map_err(|_| "the `$jmespath` gives no JSON".to_owned())
            }
            Query::Regex(query) => {
                let text = words(value);
                let found = query
                    .captures(&text)
                    .map_err(|_| "the `$regex` takes too long on this answer".to_owned())?;
                Ok(found.map_or(Json::Null, |found| {
                    let place = usize::from(found.len() > 1);
                    found.get(place).map_or(Json::Null, |found| found.as_str().into())
                }))
            }
            Query::XmlPath(query) => {
                let kind = answer.get("headers").and_then(|headers| headers.get("content_type"));
                if !kind.and_then(Json::as_str).is_some_and(|kind| kind.contains("xml")) {
                    return Err("`$xmlpath` reads XML, and the answer is not XML".to_owned());
                }
                query.search(&words(value), budget)
            }
        }
    }

    /// The part of the answer that is searched; an empty object where it has none.
    fn walk<'a>(&self, answer: &'a Json) -> &'a Json {
        let mut value = answer;
        for segment in self.path.segments.iter().skip(1) {
            let next = match segment {
                Segment::Key(key) => value.get(key.as_str()),
                Segment::Index(index) => usize::try_from(*index).ok().and_then(|index| value.get(index)),
                Segment::Fetch => None,
            };
            value = next.unwrap_or(&EMPTY);
        }
        value
    }

    /// Whether it reads the JSON of an answer.
    pub(super) fn reads_json(&self) -> bool {
        self.path.key(1) == Some("body") && matches!(self.query, Query::JmesPath(_))
    }
}

/// Counts what was found before it is copied.
fn size(found: &Variable, budget: &Budget) -> Result<(), Spent> {
    budget.count(1)?;
    budget.take(size_of::<Json>())?;
    match found {
        Variable::String(text) => budget.take(text.len()),
        Variable::Array(list) => list.iter().try_for_each(|one| size(one, budget)),
        Variable::Object(map) => map.iter().try_for_each(|(key, one)| {
            budget.take(key.len())?;
            size(one, budget)
        }),
        _ => Ok(()),
    }
}
