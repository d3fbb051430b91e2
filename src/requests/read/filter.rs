//! Conditions and queries.

use fancy_regex::Regex;
use serde_json::Value as Json;

use super::super::filter::{Clause, Comparison, Filter, Operator};
use super::super::template::Path;
use super::Reader;

impl Reader {
    pub(super) fn filter(&mut self, json: Option<&Json>, path: &str, more: &[&str]) -> Filter {
        let mut filter = Filter::default();
        let Some(Json::Object(own)) = json else {
            self.wrong(
                path,
                "there must be a condition here",
                Some("{\"field.status.value\": {\"$eq\": \"ok\"}}"),
            );
            return filter;
        };
        for (key, value) in own {
            let here = format!("{path}.{key}");
            filter.clauses.push(match key.as_str() {
                "$and" | "$or" => {
                    let list = self.list(own, key, path);
                    let all =
                        list.into_iter().map(|(one, path)| self.filter(Some(one), &path, more)).collect();
                    if key == "$and" { Clause::And(all) } else { Clause::Or(all) }
                }
                _ if key.starts_with('$') => {
                    self.wrong(&here, "this is not an operator between conditions", Some("$and, $or"));
                    continue;
                }
                _ => match Path::parse(key.trim_start_matches('{').trim_end_matches('}')) {
                    Some(found) => Clause::Path(found, self.operators(value, &here, more)),
                    None => {
                        self.wrong(&here, "this is no path", None);
                        continue;
                    }
                },
            });
        }
        filter
    }

    pub(super) fn operators(&mut self, json: &Json, path: &str, more: &[&str]) -> Vec<Operator> {
        let operators = json.as_object().filter(|own| own.keys().any(|key| key.starts_with('$')));
        let Some(own) = operators else {
            return vec![Operator::Eq(self.template(json, path, more))];
        };
        let mut all = Vec::new();
        for (key, value) in own {
            let here = format!("{path}.{key}");
            let mut fill = || self.template(value, &here, more);
            all.push(match key.as_str() {
                "$eq" => Operator::Eq(fill()),
                "$ne" => Operator::Ne(fill()),
                "$gt" => Operator::Order(Comparison::Gt, fill()),
                "$gte" => Operator::Order(Comparison::Gte, fill()),
                "$lt" => Operator::Order(Comparison::Lt, fill()),
                "$lte" => Operator::Order(Comparison::Lte, fill()),
                "$in" => Operator::In(fill()),
                "$nin" => Operator::Nin(fill()),
                "$exists" => Operator::Exists(value.as_bool().unwrap_or(true)),
                "$size" if value.is_object() => Operator::Size(self.operators(value, &here, more)),
                "$size" => Operator::Size(vec![Operator::Eq(fill())]),
                "$regex" => match value.as_str().map(Regex::new) {
                    Some(Ok(regex)) => Operator::Regex(regex),
                    Some(Err(error)) => {
                        self.wrong(&here, error.to_string(), None);
                        continue;
                    }
                    None => {
                        self.wrong(&here, "there must be a text here", None);
                        continue;
                    }
                },
                _ => {
                    let hint = "$eq $ne $gt $gte $lt $lte $in $nin $exists $regex $size";
                    self.wrong(&here, "this is not an operator", Some(hint));
                    continue;
                }
            });
        }
        all
    }
}
