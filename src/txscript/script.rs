//! A script: compiled once, run over many documents.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use bumpalo::Bump;
use tracing::error;

use crate::rossum::{MAX_MESSAGE_CHARACTERS, MessageType, NodeRef, shorten};

use super::code::{HANDLER, Program};
use super::compile::{
    Code, ColumnName, Constant, Doubts, FieldName, Language, Variables, compile, compile_rule, constants,
    doubts, nearest_of, problems,
};
use super::edit::Edits;
use super::exception::{Eval, Failure, Kind, Line, Raised, Stop};
use super::field::{Document, Schema, View};
use super::machine::Machine;
use super::machine::limits::{Limits, TIME};
use super::modules::regex::Patterns;
use super::problem::Problem;
use super::seen::Parts;
use super::tried::try_all;
use super::types::dict::Special;
use super::value::Value;

/// A rule's condition or a formula.
pub struct Script {
    /// Names it in tracebacks: `<formula:total>`.
    place: String,
    pub(super) source: String,
    /// Whether it is written as the store's business rules are.
    pub(super) is_business_rule: bool,
    program: Program,
    patterns: Patterns,
    /// The schema ids that it names as `field.x`, with what to say where the schema lacks one.
    pub(super) fields: Vec<FieldName>,
    /// The columns that it asks rows for.
    columns: Vec<ColumnName>,
    /// Made when somebody asks for it.
    pub(super) seen: OnceLock<Parts>,
}

/// A message that code showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub kind: MessageType,
    pub on: Option<NodeRef>,
    /// As the code gave it: HTML, where it holds any.
    pub content: String,
}

/// What code showed, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    pub shown: Vec<Shown>,
    /// Automation blockers: what they are about, and why.
    pub blockers: Vec<(Option<NodeRef>, String)>,
    /// The choices that a formula set for its field, and its `struct`, as JSON.
    pub options: Option<String>,
    pub record: Option<String>,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// As a field takes it: its text, empty for `None`.
    pub text: String,
    /// As Python shows it.
    pub repr: String,
}

/// Where a script runs: a table's schema id and the number of a row, or the header.
pub type Row<'r> = Option<(&'r str, usize)>;

/// What every row has besides its columns.
const ROW_WORDS: [&str; 7] =
    ["attr", "parent", "parent_multivalue", "id", "value", "options", "rir_confidence"];

/// Bytes of the arena that a small evaluation makes do with.
const FIRST_ARENA: usize = 8 << 10;
/// The largest arena that a thread keeps for its next evaluation.
const KEPT_ARENA: usize = 256 << 10;

thread_local! {
    static ARENA: Cell<Option<Bump>> = const { Cell::new(None) };
}

/// Lends this thread's arena for one evaluation; one within another gets a new one.
fn in_arena<T>(work: impl FnOnce(&Bump) -> T) -> T {
    let mut arena = ARENA.take().unwrap_or_else(|| Bump::with_capacity(FIRST_ARENA));
    let result = work(&arena);
    arena.reset();
    if arena.allocated_bytes() <= KEPT_ARENA {
        ARENA.set(Some(arena));
    }
    result
}

impl Script {
    /// Compiles; `name` is what tracebacks call it.
    pub fn new(name: &str, source: &str) -> Result<Self, Problem> {
        Ok(Self::made(format!("<formula:{name}>"), source, compile(source)?))
    }

    /// All that is wrong with code that does not compile.
    pub fn problems(source: &str) -> Vec<Problem> {
        problems(source)
    }

    fn made(place: String, source: &str, code: Code) -> Self {
        let Code { program, fields, columns, patterns } = code;
        let source = source.to_owned();
        let (is_business_rule, seen) = (false, OnceLock::new());
        Self { place, source, is_business_rule, program, patterns, fields, columns, seen }
    }

    /// Compiles the code of a function, which has `rossum_hook_request_handler(payload)`.
    pub fn function(name: &str, source: &str) -> Result<Self, Problem> {
        let script = Self { place: name.to_owned(), ..Self::new(name, source)? };
        if script.program.handler.is_none() {
            let message = format!("there is no function `{HANDLER}`");
            let hint = Some(format!("def {HANDLER}(payload): … return t.hook_response()"));
            return Err(Problem { line: 1, column: 1, message, hint });
        }
        Ok(script)
    }

    /// Compiles an expression of the store's business rules.
    pub fn business_rule(name: &str, source: &str, variables: &Variables) -> Result<Self, Problem> {
        let made = Self::made(format!("<rule:{name}>"), source, compile_rule(source, variables)?);
        Ok(Self { is_business_rule: true, ..made })
    }

    /// Whether it has the function that Rossum calls.
    pub fn is_function(&self) -> bool {
        self.program.handler.is_some()
    }

    /// Calls a function with a payload; what it returns, as JSON.
    pub fn call(&self, document: &Document<'_>, event: &str, limits: Limits) -> Result<String, Failure> {
        let called = self.caught(|bump| {
            let made = Patterns::default();
            let view = View::new(document, None);
            let mut machine = Machine::new(bump, &self.program, view, [&self.patterns, &made], limits);
            machine.edits = Some(Box::new(Edits::new(document.tree.added_len(), event)));
            let answer = call(&mut machine);
            answer.map_err(|stop| self.failure(&mut machine, stop))
        });
        called.unwrap_or_else(Err)
    }

    /// The schema ids that it reads as `field.x`.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.id.as_str())
    }

    /// Those that it does not read through `.all_values`.
    pub fn by_row(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|field| field.by_row).map(|field| field.id.as_str())
    }

    /// Whether it names this behind a point: as `field.x`, or as an attribute of a row.
    pub fn mentions(&self, id: &str) -> bool {
        self.program.names.iter().any(|name| name.is_attribute && &*name.text == id)
    }

    /// The table for whose rows it is meant: one of its columns is named, and not through `.all_values`. A multivalue of
    /// datapoints is like a table with one column.
    pub fn table<'s>(&self, schema: &'s Schema) -> Option<&'s str> {
        self.tables(schema).next()
    }

    /// Whether it is meant for rows or values of which the document has none.
    pub fn is_of_empty_table(&self, document: &Document<'_>) -> bool {
        self.fields.iter().any(|field| field.by_row && document.may_be_of_empty_table(&field.id))
    }

    /// All tables of which that is so, one more often where several of its columns are named.
    pub fn tables<'s>(&self, schema: &'s Schema) -> impl Iterator<Item = &'s str> {
        self.fields.iter().filter(|field| field.by_row).filter_map(|field| schema.repeated_in(&field.id))
    }

    /// The fields that it names, each with its place and what to say where a schema lacks it.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Problem)> {
        let fields = self.fields.iter().filter(|field| field.id != "_index");
        fields.map(|field| (&*field.id, &field.unknown))
    }

    /// What a schema shows to be wrong: names of fields and columns that it does not have.
    pub fn check(&self, schema: &Schema) -> Vec<Problem> {
        let unknown = self.named().filter(|(id, _)| !schema.has(id));
        let unknown = unknown.map(|(id, problem)| near(problem, id, schema.ids()));
        unknown.chain(self.unknown_columns(schema)).collect()
    }

    /// Whether it may give a field other options than its schema's.
    pub fn sets_options(&self) -> bool {
        self.source.contains("options")
    }

    /// Constants that it can come to, or writes to fields.
    pub fn constants(&self) -> Vec<Constant> {
        constants(&self.source)
    }

    /// What can be meant for no document of this schema, or of any where none is given.
    pub fn doubts(&self, is_condition: bool, schema: Option<&Schema>) -> Doubts {
        let language = match (self.is_business_rule, is_condition) {
            (true, _) => Language::BusinessRule,
            (false, true) => Language::Condition,
            (false, false) => Language::Value,
        };
        let (mut found, pieces) = doubts(&self.source, language, is_condition, schema);
        try_all(pieces, language, schema, &mut found);
        found
    }

    /// Columns that it asks the rows of a table for, and the schema does not have there.
    pub fn unknown_columns(&self, schema: &Schema) -> Vec<Problem> {
        let columns = self.columns.iter().filter(|column| {
            // A simple multivalue has values, and a table may have what every row has.
            schema.has_rows(&column.table)
                && schema.table_of(&column.id) != Some(&column.table)
                && !(column.id.starts_with('_') || ROW_WORDS.contains(&column.id.as_str()))
        });
        let near_in_table = |column: &ColumnName| {
            let ids = schema.ids().filter(|id| schema.table_of(id) == Some(&*column.table));
            near(&column.unknown, &column.id, ids)
        };
        columns.map(near_in_table).collect()
    }

    /// Runs it over a document, for the header or for a row of a table (its schema id and the row's number).
    pub fn run(
        &self,
        document: &Document<'_>,
        row: Row<'_>,
        limits: Limits,
    ) -> (Result<Outcome, Failure>, Output) {
        self.evaluate(document, row, limits, &outcome)
    }

    /// The same where only the text of the result counts, as a field takes it: empty for `None`.
    pub fn text(
        &self,
        document: &Document<'_>,
        row: Row<'_>,
        limits: Limits,
    ) -> (Result<String, Failure>, Output) {
        self.evaluate(document, row, limits, &text)
    }

    /// The same where only one thing counts: whether the result is `True`.
    pub fn is_true(
        &self,
        document: &Document<'_>,
        row: Row<'_>,
        limits: Limits,
    ) -> (Result<bool, Failure>, Output) {
        self.evaluate(document, row, limits, &|_, value| value.map(is_true))
    }

    /// Whether a business rule holds; `None` where it met an empty value.
    pub fn holds(
        &self,
        document: &Document<'_>,
        row: Row<'_>,
        limits: Limits,
    ) -> (Result<Option<bool>, Failure>, Output) {
        self.evaluate(document, row, limits, &holds)
    }

    /// What a rule is about: the first field that it names outside of aggregations.
    pub fn subject(&self) -> Option<&str> {
        self.fields.iter().find(|field| field.by_row).map(|field| field.id.as_str())
    }

    fn evaluate<T>(
        &self,
        document: &Document<'_>,
        row: Row<'_>,
        limits: Limits,
        finish: &dyn for<'h> Fn(&mut Machine<'h>, Eval<'h>) -> Eval<'h, T>,
    ) -> (Result<T, Failure>, Output) {
        let evaluated = self.caught(|bump| {
            let made = Patterns::default();
            let view = View::new(document, row);
            let mut machine = Machine::new(bump, &self.program, view, [&self.patterns, &made], limits);
            let value = machine.run();
            let result = finish(&mut machine, value);
            let result = result.map_err(|stop| self.failure(&mut machine, stop));
            (result, std::mem::take(&mut machine.output))
        });
        evaluated.unwrap_or_else(|failure| (Err(failure), Output::default()))
    }

    /// A panic in an evaluation is a fault of this program, and this script's failure: nobody else's. Nothing of the
    /// evaluation is looked at again.
    fn caught<T>(&self, work: impl FnOnce(&Bump) -> T) -> Result<T, Failure> {
        catch_unwind(AssertUnwindSafe(|| in_arena(work))).map_err(|_| {
            error!(
                script = self.place,
                "a fault in Annex ended the evaluation of this code: please report it"
            );
            let text = "Stopped: a fault in Annex ended the evaluation; the code may be right".to_owned();
            Failure { text, traceback: Vec::new(), is_limit: false }
        })
    }

    fn failure<'h>(&self, machine: &mut Machine<'h>, stop: Stop<'h>) -> Failure {
        match stop {
            Stop::Limit(text) => Failure::limit(text),
            Stop::Raised(raised) => self.exception(machine, &raised),
        }
    }

    fn exception<'h>(&self, machine: &mut Machine<'h>, raised: &Raised<'h>) -> Failure {
        let name = raised.exception.kind.name();
        let text = describe(machine, raised);
        let line = |number: u32, place: &str| Line {
            number: number.max(1),
            place: (number > 0).then(|| place.to_owned()),
            code: shorten(self.code_line(number).to_owned()),
        };
        // A function is called by nothing that has a line.
        let outer = (raised.line > 0 || raised.frames.is_empty()).then(|| line(raised.line, &self.place));
        let inner = raised.frames.iter().rev().map(|(number, place)| line(*number, place));
        let traceback = outer.into_iter().chain(inner).collect();
        Failure { text: format!("{name}: {text}"), traceback, is_limit: false }
    }

    fn code_line(&self, number: u32) -> &str {
        let line = self.source.lines().nth((number.max(1) - 1) as usize);
        let line = line.unwrap_or_default().trim();
        // No person reads more of it; where a letter would be cut, one more.
        let end = (MAX_MESSAGE_CHARACTERS * 4..line.len()).find(|end| line.is_char_boundary(*end));
        end.map_or(line, |end| &line[..end])
    }
}

impl Failure {
    fn limit(text: &str) -> Self {
        Self { text: format!("Stopped: {text}"), traceback: Vec::new(), is_limit: true }
    }

    /// An evaluation that could not begin in time.
    pub fn late() -> Self {
        Self::limit(TIME)
    }
}

/// With the name that was meant, perhaps.
fn near<'n>(unknown: &Problem, id: &str, known: impl Iterator<Item = &'n str>) -> Problem {
    let hint = nearest_of(id, known).map(|near| format!("did you mean `{near}`?"));
    Problem { hint: unknown.hint.clone().or(hint), ..unknown.clone() }
}

fn call<'h>(machine: &mut Machine<'h>) -> Eval<'h, String> {
    let Some(handler) = machine.program.handler else { return Ok("null".to_owned()) };
    let payload = if handler.reads_payload {
        let text = machine.view.document.whole()?;
        machine.json_read(&text)?.unwrap_or_default()
    } else {
        Value::Dict(machine.new_dict(Special::No)?)
    };
    let answer = machine.run_function(handler.slot, payload)?;
    machine.json_text(answer)
}

/// What can be meant for no document of a schema in a condition of Rossum's Master Data Hub.
pub fn doubts_of_master_data(source: &str, schema: Option<&Schema>) -> Doubts {
    doubts(source, Language::MasterData, true, schema).0
}

fn is_true(value: Value<'_>) -> bool {
    matches!(value.plain(), Value::Bool(true))
}

fn holds<'h>(machine: &mut Machine<'h>, value: Eval<'h>) -> Eval<'h, Option<bool>> {
    match value {
        Err(Stop::Raised(raised)) if raised.exception.kind == Kind::Skipped => Ok(None),
        value => machine.truth(value?).map(Some),
    }
}

fn text<'h>(machine: &mut Machine<'h>, value: Eval<'h>) -> Eval<'h, String> {
    let value = value?;
    let empty = machine.is_empty(value)?;
    if machine.truth(empty)? {
        return Ok(String::new());
    }
    let text = machine.str_of(value)?;
    machine.memory(text.len())?;
    Ok(text.to_owned())
}

fn outcome<'h>(machine: &mut Machine<'h>, value: Eval<'h>) -> Eval<'h, Outcome> {
    let value = value?;
    let repr = machine.repr_of(value)?;
    machine.memory(repr.len())?;
    let repr = repr.to_owned();
    Ok(Outcome { text: text(machine, Ok(value))?, repr })
}

/// An exception's text, as Rossum shows it.
fn describe<'h>(machine: &mut Machine<'h>, raised: &Raised<'h>) -> String {
    let exception = raised.exception;
    let value = match (exception.kind, exception.args) {
        (Kind::JSONDecodeError, [_, message]) => *message,
        _ => Value::Exception(exception),
    };
    let text = machine.str_of(value).unwrap_or_default();
    // No more of it is shown to anybody.
    let end = text.char_indices().nth(MAX_MESSAGE_CHARACTERS + 1).map_or(text.len(), |(end, _)| end);
    shorten(text[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_failure_of_the_script_alone() {
        let script = Script::new("total", "1 + 1").unwrap();
        let caught = script.caught(|bump| -> usize {
            bump.alloc(0_u8);
            panic!("a fault")
        });
        let failure = caught.unwrap_err();
        assert!(failure.text.contains("a fault in Annex"), "{}", failure.text);
        assert!(!failure.is_limit && !failure.to_html().contains("Traceback"), "{}", failure.to_html());
        assert_eq!(script.caught(|bump| *bump.alloc(7)), Ok(7));
    }
}
