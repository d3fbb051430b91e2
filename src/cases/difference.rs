//! How an answer differs from another, in the words of a document: fields by their schema ids, not by numbers.

use std::collections::HashMap;

use serde_json::Value;

/// A line that only one of two answers has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It was expected, and is not there.
    Missing(String),
    /// It is there, and was not expected.
    Added(String),
}

/// What differs, in the order of the expected answer. Answers that mean the same have no difference.
pub fn differences(payload: &Value, expected: &Value, got: &Value) -> Vec<Difference> {
    if expected == got {
        return Vec::new();
    }
    let names = Names::of(payload);
    let (expected, got) = (names.lines(expected), names.lines(got));
    let mut left: HashMap<&str, usize> = HashMap::new();
    for line in &got {
        *left.entry(line).or_default() += 1;
    }
    let mut differences = Vec::new();
    for line in &expected {
        match left.get_mut(line.as_str()).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => differences.push(Difference::Missing(line.clone())),
        }
    }
    let mut known: HashMap<&str, usize> = HashMap::new();
    for line in &expected {
        *known.entry(line).or_default() += 1;
    }
    for line in &got {
        match known.get_mut(line.as_str()).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => differences.push(Difference::Added(line.clone())),
        }
    }
    if differences.is_empty() {
        differences.push(Difference::Added("the same in another order".to_owned()));
    }
    differences
}

/// Datapoints by their ids: `amount_total`, `line_items[2].sku`.
struct Names(HashMap<String, String>);

impl Names {
    fn of(payload: &Value) -> Self {
        let mut names = HashMap::new();
        walk(&payload["annotation"]["content"], "", &mut names);
        Self(names)
    }

    fn name(&self, id: &Value) -> String {
        let id = text(id);
        self.0.get(&id).cloned().unwrap_or_else(|| format!("datapoint {id}"))
    }

    /// An answer, line by line.
    fn lines(&self, answer: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        let Some(answer) = answer.as_object() else { return vec![answer.to_string()] };
        for (key, value) in answer {
            match (key.as_str(), value.as_array()) {
                ("messages", Some(list)) => {
                    for one in list {
                        let kind = one["type"].as_str().unwrap_or("message");
                        lines.push(format!("{kind}{}: {}", self.place(&one["id"]), text(&one["content"])));
                    }
                }
                ("automation_blockers", Some(list)) => {
                    for one in list {
                        let place = self.place(&one["id"]);
                        lines.push(format!("automation blocker{place}: {}", text(&one["content"])));
                    }
                }
                ("operations", Some(list)) => list.iter().for_each(|one| self.operation(one, &mut lines)),
                _ => lines.push(format!("{key}: {value}")),
            }
        }
        lines
    }

    fn place(&self, id: &Value) -> String {
        if id.is_null() { String::new() } else { format!(" on {}", self.name(id)) }
    }

    fn operation(&self, one: &Value, lines: &mut Vec<String>) {
        let name = self.name(&one["id"]);
        match one["op"].as_str() {
            Some("replace") => {
                let Some(value) = one["value"].as_object() else {
                    lines.push(format!("{name}: {}", one["value"]));
                    return;
                };
                for (key, value) in value {
                    match value.as_object() {
                        Some(content) if key == "content" => {
                            for (key, value) in content {
                                let shown =
                                    if key == "value" { name.clone() } else { format!("{name}, {key}") };
                                lines.push(format!("{shown} = {value}"));
                            }
                        }
                        _ => lines.push(format!("{name}, {key} = {value}")),
                    }
                }
            }
            Some("remove") => lines.push(format!("{name} is removed")),
            Some("add") => lines.push(format!("{name} gets {}", one["value"])),
            _ => lines.push(one.to_string()),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn walk(node: &Value, before: &str, names: &mut HashMap<String, String>) {
    if let Some(list) = node.as_array() {
        for one in list {
            walk(one, before, names);
        }
        return;
    }
    let schema_id = node["schema_id"].as_str().unwrap_or_default();
    let name = format!("{before}{schema_id}");
    names.insert(text(&node["id"]), name.clone());
    let children = node["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    match node["category"].as_str() {
        Some("multivalue") => {
            for (row, child) in children.iter().enumerate() {
                if child["category"] == "tuple" {
                    names.insert(text(&child["id"]), format!("{name}[{row}]"));
                    walk(&child["children"], &format!("{name}[{row}]."), names);
                } else {
                    names.insert(text(&child["id"]), format!("{name}[{row}]"));
                }
            }
        }
        _ => children.iter().for_each(|child| walk(child, before, names)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_compared_by_what_they_say() {
        let datapoint =
            |id: u64, schema_id: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint"});
        let payload = json!({"annotation": {"content": [{"id": 1, "category": "section", "schema_id": "s", "children": [
            datapoint(2, "amount_total"),
            {"id": 3, "category": "multivalue", "schema_id": "line_items", "children": [
                {"id": 4, "category": "tuple", "schema_id": "line", "children": [datapoint(5, "sku")]}]}]}]}});
        let expected = json!({"messages": [{"id": 2, "type": "error", "content": "no"}, {"type": "info", "content": "x"}],
            "operations": [{"op": "replace", "id": 5, "value": {"content": {"value": "A"}}}]});
        let got = json!({"messages": [{"type": "info", "content": "x"}],
            "operations": [{"op": "replace", "id": 5, "value": {"content": {"value": "B"}}}, {"op": "remove", "id": 4}]});
        let [missing, added] = [Difference::Missing, Difference::Added];
        assert_eq!(
            differences(&payload, &expected, &got),
            [
                missing("error on amount_total: no".to_owned()),
                missing("line_items[0].sku = \"A\"".to_owned()),
                added("line_items[0].sku = \"B\"".to_owned()),
                added("line_items[0] is removed".to_owned()),
            ]
        );
        assert_eq!(differences(&payload, &got, &got), []);
        let turned = json!({"messages": [{"type": "info", "content": "x"}, {"id": 2, "type": "error", "content": "no"}], "operations": expected["operations"]});
        assert_eq!(differences(&payload, &expected, &turned).len(), 1);
    }
}
