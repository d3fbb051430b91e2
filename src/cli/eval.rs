//! `annex eval`: a piece of TxScript, or a function, over a payload, as one tries things out.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::rossum::{Annotation, Journal, NodeRef, Payload};
use crate::shown::{Line, Lines, counted};
use crate::txscript::{
    Document, Failure as Exception, Limits, Outcome, Output, Problem, Schema, Script, TypesMissing, Variables,
};

use super::exit::{Failure, print};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The code; `-` is standard input. If it defines `rossum_hook_request_handler`, Annex calls that function
    code: String,
    /// A file with the payload, as Rossum sends it
    #[arg(long, value_name = "FILE")]
    payload: PathBuf,
    /// A file with the schema of the queue [default: the schema in the payload]
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The row to evaluate the code for, from 0, if the code uses columns of a table
    #[arg(long, value_name = "N")]
    row: Option<usize>,
    /// Read the code as an expression of the Business Rules extension, such as `{amount_total} > 0`
    #[arg(long)]
    business_rule: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let code = match arguments.code.as_str() {
        "-" => {
            let mut code = String::new();
            std::io::stdin().read_to_string(&mut code)?;
            code
        }
        code => code.to_owned(),
    };
    let script = if arguments.business_rule {
        Script::business_rule("eval", &code, &Variables::new())
    } else {
        Script::new("eval", &code)
    };
    let script = script.map_err(|problem| match Script::problems(&code) {
        problems if arguments.business_rule || problems.is_empty() => told(&[problem], &code),
        problems => told(&problems, &code),
    })?;
    let body = read(&arguments.payload)?;
    let payload = Payload::read(body.as_bytes());
    let payload = payload
        .map_err(|error| Failure::Because(format!("{}: {}", arguments.payload.display(), error.problem)))?;
    let Some(annotation) = &payload.annotation else {
        let text = format!("{}: the payload has no annotation content", arguments.payload.display());
        return Err(Failure::Because(text));
    };
    let schema = match (&arguments.schema, payload.schemas) {
        (Some(path), _) => Schema::parse(&read(path)?)
            .map_err(|error| Failure::Because(format!("{}: {error}", path.display())))?,
        (None, Some(schemas)) => Schema::parse(schemas.get())
            .map_err(|error| Failure::Because(format!("`schemas` of the payload: {error}")))?,
        (None, None) => return Err(Failure::Because(TypesMissing.to_string())),
    };
    let problems = script.check(&schema);
    if !problems.is_empty() {
        return Err(told(&problems, &code));
    }
    let journal = Journal::default();
    let document = Document::new(annotation, &journal, &schema, body.as_bytes());
    if script.is_function() {
        return match script.call(&document, &payload.event.event, Limits::default()) {
            Ok(answer) => print(answer),
            Err(exception) => {
                let result = Err(exception);
                if arguments.json {
                    print(as_json(annotation, &result, &Output::default()))?;
                } else {
                    say(annotation, &result, &Output::default())?;
                }
                Err(Failure::Said)
            }
        };
    }
    let table = script.table(&schema);
    let row = match (arguments.row, table) {
        (None, _) => None,
        (Some(_), None) => {
            return Err(Failure::usage("the code names no column of a table", "leave --row out"));
        }
        (Some(row), Some(table)) if row >= document.row_count(table) => {
            let count = document.row_count(table);
            return Err(Failure::usage(
                format_args!("{table} has {}, and no row {row}", counted(count, "row")),
                "--row counts from 0",
            ));
        }
        (Some(row), Some(table)) => Some((table, row)),
    };
    let (result, output) = if arguments.business_rule {
        let (held, output) = script.holds(&document, row, Limits::default());
        (held.map(verdict), output)
    } else {
        script.run(&document, row, Limits::default())
    };
    if arguments.json {
        print(as_json(annotation, &result, &output))?;
    } else {
        say(annotation, &result, &output)?;
    }
    if result.is_ok() { Ok(()) } else { Err(Failure::Said) }
}

/// What is wrong with code, each with its line and a caret below the place.
fn told(problems: &[Problem], code: &str) -> Failure {
    let mut lines = Lines::default();
    for problem in problems {
        lines.add(problem);
        if let Some((line, before)) = problem.excerpt(code) {
            lines.add(format_args!("    {line}"));
            lines.add(format_args!("    {}^", " ".repeat(before)));
        }
    }
    Failure::Told(lines)
}

/// Whether a business rule holds.
fn verdict(held: Option<bool>) -> Outcome {
    let (repr, text) = match held {
        Some(true) => ("True", "True"),
        Some(false) => ("False", "False"),
        None => ("skipped: a value is empty", ""),
    };
    Outcome { text: text.to_owned(), repr: repr.to_owned() }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Because(format!("{}: {error}", path.display())))
}

fn say(
    annotation: &Annotation<'_>,
    result: &Result<Outcome, Exception>,
    output: &Output,
) -> Result<(), Failure> {
    let on = |node: Option<NodeRef>| match node {
        Some(node) => format!(" ({})", Line(&annotation.node(node).schema_id)),
        None => String::new(),
    };
    match result {
        Ok(outcome) => print(Line(&outcome.repr))?,
        Err(exception) => {
            for line in &exception.traceback {
                let place = line.place.as_deref().map(|place| format!(", in {place}")).unwrap_or_default();
                print(format_args!("  line {}{place}", line.number))?;
                print(format_args!("    {}", line.code))?;
            }
            print(Line(&exception.text))?;
        }
    }
    for shown in &output.shown {
        let kind = format!("{:?}", shown.kind).to_lowercase();
        print(format_args!("{kind}{}: {}", on(shown.on), Line(&shown.content)))?;
    }
    for (what, json) in [("options", &output.options), ("struct", &output.record)] {
        if let Some(json) = json {
            print(format_args!("{what}: {}", Line(json)))?;
        }
    }
    for (node, content) in &output.blockers {
        print(format_args!("automation blocker{}: {}", on(*node), Line(content)))?;
    }
    Ok(())
}

fn as_json(
    annotation: &Annotation<'_>,
    result: &Result<Outcome, Exception>,
    output: &Output,
) -> serde_json::Value {
    let id = |node: Option<NodeRef>| node.map(|node| &annotation.node(node).id);
    let messages: Vec<_> = output
        .shown
        .iter()
        .map(|shown| json!({"type": shown.kind, "content": shown.content, "id": id(shown.on)}))
        .collect();
    let blockers: Vec<_> =
        output.blockers.iter().map(|(node, content)| json!({"content": content, "id": id(*node)})).collect();
    let (value, exception) = match result {
        Ok(outcome) => (json!({"repr": outcome.repr, "text": outcome.text}), json!(null)),
        Err(exception) => {
            let lines = exception.traceback.iter();
            let lines: Vec<_> = lines
                .map(|line| match &line.place {
                    Some(place) => json!({"lineno": line.number, "loc": place, "code": line.code}),
                    None => json!({"lineno": line.number, "code": line.code}),
                })
                .collect();
            (json!(null), json!({"content": exception.text, "traceback": lines}))
        }
    };
    let set = |json: &Option<String>| -> serde_json::Value {
        // What failed has set nothing.
        let json = json.as_deref().filter(|_| result.is_ok()).unwrap_or("null");
        serde_json::from_str(json).unwrap_or_default()
    };
    json!({"value": value, "exception": exception, "messages": messages, "automation_blockers": blockers,
        "options": set(&output.options), "struct": set(&output.record)})
}
