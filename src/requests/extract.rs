//! What is taken out of an answer: `{"response.body": {"$jmespath": "data.id"}}`.

use fancy_regex::Regex;
use jmespath::Expression;
use serde_json::{Map, Value as Json};

use super::scope::{plain, words};
use super::template::{Path, Segment};
use super::xml_path::XmlPath;

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
    pub(super) fn from(&self, answer: &Map<String, Json>) -> Result<Json, String> {
        let value = self.walk(answer);
        match &self.query {
            Query::JmesPath(query) => {
                let value = plain(&value);
                let found = query.search(value).map_err(|_| "the `$jmespath` does not fit the answer")?;
                serde_json::to_value(&*found).map_err(|_| "the `$jmespath` gives no JSON".to_owned())
            }
            Query::Regex(query) => {
                let text = words(&value);
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
                    return Err("`$xmlpath` reads XML, and the answer is none".to_owned());
                }
                query.search(&words(&value))
            }
        }
    }

    /// The part of the answer that is searched; an empty object where it has none.
    fn walk(&self, answer: &Map<String, Json>) -> Json {
        let mut value = Json::Object(answer.clone());
        for segment in self.path.segments.iter().skip(1) {
            let next = match segment {
                Segment::Key(key) => value.get_mut(key.as_str()).map(Json::take),
                Segment::Index(index) => {
                    usize::try_from(*index).ok().and_then(|index| value.get_mut(index)).map(Json::take)
                }
                Segment::Fetch => None,
            };
            value = next.unwrap_or_else(|| Json::Object(Map::new()));
        }
        value
    }
}
