//! Tests of what a query may take, over documents in memory.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::slices::Budget;

use super::{Condition, Document, Query, Reading, Records, RunError, Search, Value};

const MEMORY: usize = 1 << 20;

/// So many documents `{"n": "0", "text": "…"}`.
struct Given {
    documents: Vec<Document>,
    budget: Budget,
}

impl Records for Given {
    fn read<'a>(&'a self, _: &'a str, condition: Option<&'a Condition>) -> Reading<'a, Vec<Document>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for document in &self.documents {
                if condition.map_or(Ok(true), |condition| condition.fits(document, &self.budget))? {
                    all.push(document.clone());
                }
            }
            Ok(all)
        })
    }

    fn search<'a>(&'a self, _: &'a str, _: &'a Search) -> Reading<'a, Vec<(f64, Document)>> {
        Box::pin(async { Err("there are no words here".into()) })
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}

fn given(count: usize, text: &str, deadline: Instant) -> Given {
    let document = |n: usize| {
        let fields = [("n", n.to_string()), ("text", text.to_owned())];
        Document(fields.into_iter().map(|(name, value)| (name.into(), Value::Text(value))).collect())
    };
    Given {
        documents: (0..count).map(document).collect(),
        budget: Budget::until(deadline).with_memory(MEMORY),
    }
}

async fn run(given: &Given, stages: Json) -> Result<Vec<Document>, RunError> {
    let query = Query::parse("x", &json!({"aggregate": stages}), "query").unwrap();
    query.ready(&|_| String::new()).unwrap().run(given).await
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn what_a_stage_makes_is_counted_before_it_is_made() {
    let long = "x,".repeat(10_000);
    let repeated = json!({"$concat": vec!["$text"; 30]});
    let cases = [
        json!([{"$addFields": {"a": repeated}}]),
        json!([{"$addFields": {"a": {"$replaceAll": {"input": "$text", "find": "x", "replacement": "$text"}}}}]),
        json!([{"$addFields": {"a": {"$split": ["$text", ","]}}}, {"$addFields": {"b": {"$reverseArray": "$a"}}}]),
        json!([{"$facet": {"a": [], "b": [], "c": []}}, {"$project": {"a": ["$a", "$a", "$a"]}}]),
        json!([{"$group": {"_id": null, "all": {"$push": "$$ROOT"}}}, {"$project": {"a": ["$all", "$all", "$all"]}}]),
        json!([{"$lookup": {"from": "x", "localField": "text", "foreignField": "text", "as": "all"}}]),
        json!([{"$lookup": {"from": "x", "pipeline": [], "as": "all"}}]),
        json!([{"$unionWith": "x"}, {"$unionWith": "x"}, {"$unionWith": "x"}, {"$unionWith": "x"}]),
        json!([{"$setWindowFields": {"output": {"all": {"$push": "$text"}}}}]),
        json!([{"$addFields": {"a": {"$split": ["$text", ","]}}}, {"$limit": 1}, {"$addFields": {"text": ""}}, {"$unwind": "$a"},
               {"$group": {"_id": null, "a": {"$push": "$$ROOT"}}}, {"$unwind": "$a"}, {"$addFields": {"b": "$$ROOT", "c": "$$ROOT"}}]),
        json!([{"$project": {"a": {"$map": {"input": {"$split": ["$text", ","]}, "in": "$text"}}}}]),
    ];
    for stages in cases {
        let given = given(16, &long, later());
        let result = run(&given, stages.clone()).await;
        assert!(
            matches!(result, Err(RunError::TooMuch(1))),
            "{stages}: {result:?}",
            result = result.map(|all| all.len())
        );
        assert_eq!(given.budget.take(MEMORY), Ok(()), "{stages}: everything is given back");
    }
}

#[tokio::test]
async fn what_is_made_on_the_way_is_given_back() {
    let text = "x,".repeat(1_000);
    let given = given(200, &text, later());
    // In all some hundred times the memory, of which little is held at a time.
    let stages = json!([
        {"$addFields": {"a": {"$size": {"$map": {"input": {"$slice": [{"$split": ["$text", ","]}, 50]}, "in": {"$concat": ["$text", "$$this"]}}}}}},
        {"$addFields": {"b": {"$strLenCP": {"$reduce": {"input": {"$slice": [{"$split": ["$text", ","]}, 50]}, "initialValue": "",
            "in": {"$concat": ["$$value", "$$this"]}}}}}},
        {"$sort": {"n": 1}}, {"$project": {"a": 1, "b": 1}}, {"$group": {"_id": "$a", "b": {"$max": "$b"}, "n": {"$sum": 1}}}]);
    let found = run(&given, stages).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].get("_id"), found[0].get("b")), (&Value::Number(50.0), &Value::Number(50.0)));
    assert_eq!(found[0].get("n"), &Value::Number(200.0));
    assert_eq!(given.budget.take(MEMORY), Ok(()));
}

#[tokio::test]
async fn work_ends_at_the_deadline_and_for_one_document_before() {
    let late = given(10, "a", Instant::now());
    for stages in [json!([{"$match": {"n": "1"}}, {"$sort": {"n": 1}}]), json!([{"$addFields": {"a": 1}}])] {
        assert!(matches!(run(&late, stages).await, Err(RunError::TooLong)));
    }
    let all = json!({"$split": ["$text", ","]});
    let each = json!({"$map": {"input": all, "in": {"$size": {"$filter": {"input": all, "cond": {"$eq": ["$$this", "y"]}}}}}});
    let given = given(1, &"x,".repeat(2_000), later());
    let result = run(&given, json!([{"$addFields": {"a": each}}])).await;
    assert!(matches!(result, Err(RunError::TooMuchWork)), "{:?}", result.map(|all| all.len()));
}

#[tokio::test]
async fn a_pattern_has_a_bound_for_each_match_and_each_text() {
    let hard = json!([{"$match": {"text": {"$regex": "^(.*)(.*)(.*)(.*)\\1\\2\\3\\4z$"}}}]);
    let result = run(&given(1, &"ab".repeat(200), later()), hard.clone()).await;
    assert!(
        matches!(&result, Err(RunError::Query(problem)) if problem.contains("steps")),
        "{:?}",
        result.map(|all| all.len())
    );
    assert!(run(&given(1, "abz", later()), hard).await.is_ok());
    let plain = json!([{"$match": {"text": {"$regex": "x$"}}}]);
    assert_eq!(run(&given(2, &"x".repeat(64 * 1024), later()), plain.clone()).await.unwrap().len(), 2);
    let result = run(&given(1, &"x".repeat(64 * 1024 + 1), later()), plain).await;
    assert!(matches!(&result, Err(RunError::Query(problem)) if problem.contains("65536 bytes")));
}

#[test]
fn what_stands_in_a_document_becomes_no_pattern_on_a_way_round() {
    let parse = |stages: Json| {
        let query = json!({"aggregate": stages});
        Query::parse("vendors", &query, "query")
    };
    let by = |regex: &str| json!({"$regexMatch": {"input": "$name", "regex": regex}});
    let expr = |expression: Json| json!([{"$match": {"$expr": expression}}]);
    let bound = |value: Json, regex: &str| expr(json!({"$let": {"vars": {"x": value}, "in": by(regex)}}));
    for wrong in [
        bound(json!("{name}"), "$$x"),
        bound(json!({"$concat": ["^", "{name}"]}), "$$x"),
        bound(json!({"p": "{name}"}), "$$x.p"),
        expr(
            json!({"$let": {"vars": {"x": "{name}"}, "in": {"$let": {"vars": {"y": "$$x"}, "in": by("$$y")}}}}),
        ),
        expr(
            json!({"$let": {"vars": {"x": "{name}"}, "in": {"$regexMatch": {"input": "$name", "regex": {"$concat": ["^", "$$x"]}}}}}),
        ),
        expr(json!({"$first": [{"$map": {"input": ["{name}"], "as": "one", "in": by("$$one")}}]})),
        expr(json!({"$first": [{"$map": {"input": "{name | split(' ')}", "in": by("$$this")}}]})),
        json!([{"$addFields": {"p": "{name}"}}, {"$match": {"$expr": by("$p")}}]),
        json!([{"$project": {"a": {"p": {"$toUpper": "{name}"}}, "name": 1}}, {"$match": {"$expr": by("$a.p")}}]),
        json!([{"$group": {"_id": "$name", "p": {"$first": "{name}"}}}, {"$match": {"$expr": by("$$ROOT.p")}}]),
    ] {
        let problem = parse(wrong.clone()).unwrap_err().to_string();
        assert!(
            problem.contains("would be read as a pattern") && problem.contains("| re"),
            "{wrong}: {problem}"
        );
    }
    for right in [
        bound(json!("{name | re}"), "$$x"),
        bound(json!("{name | raw}"), "$$x"),
        bound(json!("$pattern"), "$$x"),
        bound(json!("{name}"), "{name}"),
        expr(json!({"$let": {"vars": {"x": "{name}"}, "in": {"$eq": ["$name", "$$x"]}}})),
        expr(
            json!({"$regexMatch": {"input": "$name", "regex": {"$let": {"vars": {"x": "{name}"}, "in": "$$x"}}}}),
        ),
    ] {
        assert!(parse(right.clone()).is_ok(), "{right}");
    }
}
