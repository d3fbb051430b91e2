//! From the parser's syntax tree to a [`Program`]: names become places, and what the language lacks is refused.

mod business_rule;
mod doubts;
mod expression;
mod function;
mod handler;
mod names;
mod parts;
mod patterns;
mod rows;
mod scope;
mod statement;

use ruff_python_ast as ast;
use ruff_python_ast::{Expr as Syntax, Stmt as Statement};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

use super::code::{Expr, ExprKind, Function, Name, NameId, Program};
use super::modules::regex::Patterns;
use super::problem::{Problem, SourceLines};
use super::words::Word;

pub use business_rule::Variables;
pub(crate) use business_rule::compile_rule;
pub use doubts::Found as Doubts;
pub use doubts::{Constant, ConstantKind};
pub(crate) use doubts::{Language, Piece, constants, doubts};
pub(crate) use names::nearest_of;
pub(crate) use parts::parts;
use scope::Scope;

/// A piece of code that is being compiled.
struct Compiler<'s> {
    source: &'s str,
    lines: SourceLines<'s>,
    names: Vec<Name>,
    functions: Vec<Function>,
    patterns: Patterns,
    /// From the module inwards to the function that is being compiled.
    scopes: Vec<Scope>,
    /// How deep in expressions and statements.
    depth: usize,
    /// Schema ids that are named as `field.x`.
    attributes: Vec<Named>,
    /// What is wrong so far: one problem of a statement, so that none follows from another.
    found: Vec<Problem>,
}

/// What comes of a piece of code.
pub(crate) struct Code {
    pub(crate) program: Program,
    pub(crate) fields: Vec<FieldName>,
    pub(crate) columns: Vec<ColumnName>,
    pub(crate) patterns: Patterns,
}

/// A schema id that code names.
pub(crate) struct FieldName {
    pub(crate) id: String,
    /// Also by something else than `.all_values`: a column then stands for a row's cell.
    pub(crate) by_row: bool,
    /// What to say where the schema lacks it.
    pub(crate) unknown: Problem,
}

/// A column that code asks the rows of a table for.
pub(crate) struct ColumnName {
    pub(crate) table: String,
    pub(crate) id: String,
    /// What to say where the table lacks it.
    pub(crate) unknown: Problem,
}

struct Named {
    name: NameId,
    at: TextSize,
    all_values: bool,
}

/// Bytes of code.
const LONGEST: usize = 256 << 10;

/// Each byte of code can be a level of the syntax tree. Only what is used of it is ever taken from the system.
const STACK_PER_BYTE: usize = 2 << 10;

/// Levels of expressions and statements in each other.
const DEEPEST: usize = 500;

type Compiled<T> = Result<T, Problem>;

/// All that is wrong with code that does not compile, in the order of its lines.
pub(crate) fn problems(source: &str) -> Vec<Problem> {
    let mut problems = compile_all(source).err().unwrap_or_default();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

pub(crate) fn compile(source: &str) -> Result<Code, Problem> {
    compile_all(source).map_err(first)
}

fn first(mut problems: Vec<Problem>) -> Problem {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    let nothing = || Problem { line: 1, column: 1, message: "it does not compile".to_owned(), hint: None };
    problems.into_iter().next().unwrap_or_else(nothing)
}

fn compile_all(source: &str) -> Result<Code, Vec<Problem>> {
    if source.len() > LONGEST {
        let message = format!("the code is longer than {} KB", LONGEST >> 10);
        return Err(vec![Problem { line: 1, column: 1, message, hint: None }]);
    }
    // The syntax tree is as deep as the code nests, and is walked and dropped by recursion.
    stacker::grow((16 << 20) + source.len() * STACK_PER_BYTE, || compile_here(source))
}

fn compile_here(source: &str) -> Result<Code, Vec<Problem>> {
    let parsed = parse_module(source).map_err(|error| {
        let offset = error.location.start().to_usize();
        let problem =
            SourceLines::new(source).problem(offset, format!("invalid syntax: {}", error.error), None);
        // A line that decides, or one that is all of the code: elsewhere one `=` is right.
        let line = source.lines().nth(problem.line as usize - 1).unwrap_or_default().trim();
        let decides = ["if ", "elif ", "while "].iter().any(|word| line.starts_with(word));
        let problem = problem.with_words(line);
        vec![if decides { problem.with_equals(line) } else { problem }]
    })?;
    let body = parsed.into_suite();
    let mut compiler = Compiler::new(source);
    let scope = Scope::module(&body);
    let handler = handler::find(&body, &scope);
    let columns = rows::columns(&body);
    compiler.scopes.push(scope);
    let body = compiler.block(&body).map_err(|problem| vec![problem])?;
    if !compiler.found.is_empty() {
        return Err(compiler.found);
    }
    let slots = compiler.scopes.pop().map_or(0, |scope| scope.slots);
    let fields = compiler.fields();
    let column = |rows::Column { table, id, at }| {
        let unknown = compiler.problem(at, format!("the table `{table}` has no column `{id}`"), None);
        ColumnName { table, id, unknown }
    };
    let columns = columns.into_iter().map(column).collect();
    let program = Program { names: compiler.names, functions: compiler.functions, body, slots, handler };
    Ok(Code { program, fields, columns, patterns: compiler.patterns })
}

impl<'s> Compiler<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            lines: SourceLines::new(source),
            names: Vec::new(),
            functions: Vec::new(),
            patterns: Patterns::default(),
            scopes: Vec::new(),
            depth: 0,
            attributes: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Notes what is wrong with a part, so that the others are looked at too. A name that is not known is told once.
    fn note(&mut self, problem: Problem) {
        if self.found.iter().all(|known| known.message != problem.message) {
            self.found.push(problem);
        }
    }

    /// A part of a statement beside its block: what is wrong with it is noted.
    fn head(&mut self, syntax: &Syntax) -> Expr {
        let (scopes, depth) = (self.scopes.len(), self.depth);
        self.expression(syntax).unwrap_or_else(|problem| {
            self.scopes.truncate(scopes);
            self.depth = depth;
            self.note(problem);
            Expr { line: self.line(syntax), kind: ExprKind::None }
        })
    }

    /// The schema ids that were named.
    fn fields(&mut self) -> Vec<FieldName> {
        let named = std::mem::take(&mut self.attributes);
        let field = |Named { name, at, all_values }| {
            let id = self.names[name as usize].text.to_string();
            let unknown = self.problem(at, format!("the schema has no field `{id}`"), None);
            FieldName { id, by_row: !all_values, unknown }
        };
        named.into_iter().map(field).collect()
    }

    fn problem(&self, at: TextSize, message: impl Into<String>, hint: Option<&str>) -> Problem {
        self.lines.problem(at.to_usize(), message.into(), hint.map(str::to_owned))
    }

    fn refuse<T>(&self, node: &impl Ranged, what: &str, hint: &str) -> Compiled<T> {
        let hint = Some(hint).filter(|hint| !hint.is_empty());
        Err(self.problem(node.start(), format!("{what} is not supported"), hint))
    }

    fn line(&self, node: &impl Ranged) -> u32 {
        self.lines.line(node.start().to_usize())
    }

    /// Goes one level down.
    fn deeper<T>(&mut self, node: &impl Ranged, inner: impl FnOnce(&mut Self) -> Compiled<T>) -> Compiled<T> {
        if self.depth >= DEEPEST {
            let hint = Some("give a part of it a name");
            return Err(self.problem(node.start(), "this is nested too deeply", hint));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn name(&mut self, text: &str) -> NameId {
        let known = self.names.iter().position(|name| &*name.text == text);
        let place = known.unwrap_or_else(|| {
            self.names.push(Name { text: text.into(), word: Word::named(text), is_attribute: false });
            self.names.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn attribute_name(&mut self, text: &str) -> NameId {
        let name = self.name(text);
        self.names[name as usize].is_attribute = true;
        name
    }

    fn scope(&mut self) -> &mut Scope {
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    fn is_module(&self) -> bool {
        self.scopes.len() == 1
    }

    /// Whether a name still means what it means in an empty program.
    fn means_builtin(&self, name: &str) -> bool {
        self.scopes.iter().all(|scope| !scope.has(name))
    }

    fn is_fields(&self, syntax: &Syntax) -> bool {
        matches!(syntax, Syntax::Name(name) if name.id == "field") && self.means_builtin("field")
    }

    /// Notes the name of a field: of `field`, or of a function's `t.field`.
    fn note_field(&mut self, attribute: &ast::ExprAttribute, name: NameId) -> bool {
        let is_fields = self.is_fields(&attribute.value);
        let of_session = matches!(&*attribute.value, Syntax::Attribute(inner)
            if &*inner.attr == "field" && matches!(&*inner.value, Syntax::Name(_)));
        if is_fields || of_session {
            self.attributes.push(Named { name, at: attribute.attr.start(), all_values: of_session });
        }
        is_fields
    }

    #[expect(clippy::unnecessary_wraps, reason = "as all parts are compiled")]
    fn block(&mut self, body: &[Statement]) -> Compiled<Vec<super::code::Stmt>> {
        let mut block = Vec::with_capacity(body.len());
        for statement in body {
            let (scopes, depth) = (self.scopes.len(), self.depth);
            if let Err(problem) = self.statement(statement, &mut block) {
                self.scopes.truncate(scopes);
                self.depth = depth;
                self.note(problem);
            }
        }
        Ok(block)
    }
}
