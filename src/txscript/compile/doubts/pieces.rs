//! Pieces of code that can be tried by themselves: they name fields, rows and what every program begins with, and no part
//! of them is left out for what another part comes to.

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr as Syntax, ExprContext, Stmt as Statement};
use ruff_text_size::{Ranged, TextSize};

use super::super::super::field::FieldType;
use super::super::super::machine::builtins::Builtin;
use super::super::super::problem::Problem;
use super::{Doubts, Language};

/// An expression with those in it.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) source: String,
    /// Its place; what to say is found by trying.
    pub(crate) place: Problem,
    /// The line and column where it ends.
    pub(crate) end: (u32, u32),
    /// Whether a name in it stands for a row.
    pub(crate) is_of_row: bool,
    /// Whether it reads something of a document.
    pub(crate) reads: bool,
    /// The values of its names: lines and columns where they begin.
    pub(crate) values: Vec<(u32, u32)>,
    pub(crate) inner: Vec<Self>,
}

/// What says more of a field than its value: the sample has nothing of it.
const BESIDES: [&str; 8] =
    ["attr", "parent", "parent_multivalue", "struct", "id", "options", "rir_confidence", "_index"];
/// What asks for the type of a value: what stands beside it is done only for another.
const TYPE_ASKED: [&str; 4] = ["isinstance", "type(", "hasattr", "except"];
/// Pieces that are looked for in one code.
const MOST: usize = 200;

/// Bytes of a piece: a longer one has pieces of its own.
const LONGEST: usize = 2000;

/// All pieces of some code, each as large as it can be.
pub(super) fn pieces(doubts: &Doubts<'_>, body: &[Statement]) -> Vec<Piece> {
    if TYPE_ASKED.iter().any(|word| doubts.source.contains(word)) {
        return Vec::new();
    }
    let mut finder = Finder { doubts, found: Vec::new(), left: MOST };
    finder.visit_body(body);
    finder.found
}

/// The same of one expression.
pub(super) fn of_expression(doubts: &Doubts<'_>, expression: &Syntax) -> Vec<Piece> {
    let mut finder = Finder { doubts, found: Vec::new(), left: MOST };
    finder.visit_expr(expression);
    finder.found
}

struct Finder<'a, 'd> {
    doubts: &'a Doubts<'d>,
    found: Vec<Piece>,
    left: usize,
}

impl<'a> Visitor<'a> for Finder<'_, '_> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        if matches!(statement, Statement::Try(_)) {
            return;
        }
        walk_stmt(self, statement);
        if let Statement::AugAssign(augment) = statement {
            self.augmented(augment);
        }
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        let does = matches!(
            part,
            Syntax::BinOp(_)
                | Syntax::Compare(_)
                | Syntax::Call(_)
                | Syntax::Subscript(_)
                | Syntax::UnaryOp(_)
        );
        if self.left == 0 || !does {
            return walk_expr(self, part);
        }
        let before = std::mem::take(&mut self.found);
        walk_expr(self, part);
        let inner = std::mem::replace(&mut self.found, before);
        match self.source(part).filter(|_| self.left > 0) {
            Some(text) => self.push(part, text, inner),
            None => self.found.extend(inner),
        }
    }
}

impl Finder<'_, '_> {
    /// `t.field.x += 5` adds as `t.field.x + 5` does, where it is one value.
    fn augmented(&mut self, augment: &ast::StmtAugAssign) {
        let doubts = self.doubts;
        let is_one = |id: &str| {
            let schema = doubts.schema;
            schema.is_some_and(|schema| {
                schema.kind_of(id) != Some(FieldType::Nothing) && schema.repeated_in(id).is_none()
            })
        };
        let field = doubts.field(&augment.target).filter(|(id, _)| is_one(id));
        let (Some(_), true) = (field, self.left > 0) else { return };
        let mut made = Made { doubts, text: Text::default(), known: Vec::new() };
        if made.add(&augment.target, false).and_then(|()| made.add(&augment.value, false)).is_none() {
            return;
        }
        let [target, value] = [&augment.target, &augment.value].map(|part| doubts.text(&**part));
        let lines = std::mem::take(&mut made.text.source);
        let code = format!("{lines}({target}) {} ({value})", augment.op.as_str());
        let text = Text { source: doubts.sessions.without(&code), ..made.text };
        self.push(&augment.value, text, Vec::new());
    }

    fn push(&mut self, part: &Syntax, text: Text, inner: Vec<Piece>) {
        let Text { source, is_of_row, values } = text;
        self.left -= 1;
        let reads = source.contains("field") || source.contains('{');
        let place_of = |at: TextSize| {
            let place = self.doubts.lines.problem(at.to_usize(), String::new(), None);
            (place.line, place.column)
        };
        let values = values.into_iter().map(place_of).collect();
        let end = place_of(part.end());
        let place = self.doubts.lines.problem(part.start().to_usize(), String::new(), None);
        self.found.push(Piece { source, place, end, is_of_row, reads, values, inner });
    }

    /// The code of a piece, with what its names stand for; `None` where that is not known.
    fn source(&self, part: &Syntax) -> Option<Text> {
        if part.range().len().to_usize() > LONGEST {
            return None;
        }
        let is_rule = self.doubts.language == Language::BusinessRule;
        let mut made = Made { doubts: self.doubts, text: Text::default(), known: Vec::new() };
        made.add(part, is_rule)?;
        // In brackets, lines of it may end anywhere.
        let text = self.doubts.text(part);
        if is_rule {
            return Some(Text { source: text.to_owned(), ..Text::default() });
        }
        let source = self.doubts.sessions.without(&format!("{}({text})", made.text.source));
        Some(Text { source, ..made.text })
    }
}

/// The code of a piece.
#[derive(Default)]
struct Text {
    source: String,
    is_of_row: bool,
    /// Where the values begin that its names were given.
    values: Vec<TextSize>,
}

/// The lines before a piece.
struct Made<'a, 'd> {
    doubts: &'a Doubts<'d>,
    text: Text,
    /// The names that they give.
    known: Vec<String>,
}

impl Made<'_, '_> {
    /// Adds a line for each name in an expression; nothing where that is not known.
    fn add(&mut self, part: &Syntax, is_rule: bool) -> Option<()> {
        let mut free = Free { is_rule, ..Free::default() };
        free.visit_expr(part);
        if free.is_unsure || self.text.source.len() > LONGEST {
            return None;
        }
        let names = &self.doubts.names;
        for name in free.read {
            if free.bound.contains(&name) || self.known.iter().any(|known| known == name) {
                continue;
            }
            if self.doubts.sessions.has(name) {
                continue;
            }
            if let Some(table) = names.rows.get(name) {
                self.text.is_of_row = true;
                self.text.source.extend([name, " = field.", table, "[0]\n"]);
            } else if let Some(id) = names.fields.get(name) {
                self.text.source.extend([name, " = field.", id, "\n"]);
            } else if let Some(import) = names.import(name) {
                self.text.source.push_str(import);
            } else if let Some(value) =
                names.value(name).filter(|value| !is_rule && is_plain(self.doubts, value))
            {
                self.add(value, false)?;
                self.text.values.push(value.start());
                let value = self.doubts.text(value);
                self.text.source.extend([name, " = (", value, ")\n"]);
            } else if names.has(name) || (Builtin::find(name).is_none() && !is_rule) {
                return None;
            }
            self.known.push(name.to_owned());
        }
        Some(())
    }
}

/// Whether a value is a text, a number or a day, which no other line can change.
fn is_plain(doubts: &Doubts<'_>, value: &Syntax) -> bool {
    match value {
        Syntax::StringLiteral(_)
        | Syntax::FString(_)
        | Syntax::NumberLiteral(_)
        | Syntax::BooleanLiteral(_)
        | Syntax::Compare(_) => true,
        Syntax::BinOp(binary) => is_plain(doubts, &binary.left) && is_plain(doubts, &binary.right),
        Syntax::UnaryOp(unary) => is_plain(doubts, &unary.operand),
        _ => doubts.known(value).is_some() || doubts.is_made_moment(value),
    }
}

/// The names of a piece.
#[derive(Default)]
struct Free<'a> {
    is_rule: bool,
    read: Vec<&'a str>,
    bound: Vec<&'a str>,
    /// Something in it decides what else is done, or says something to people.
    is_unsure: bool,
}

impl<'a> Visitor<'a> for Free<'a> {
    fn visit_expr(&mut self, part: &'a Syntax) {
        match part {
            Syntax::Name(name) if name.ctx == ExprContext::Load => {
                let says = [
                    "show_error",
                    "show_warning",
                    "show_info",
                    "automation_blocker",
                    "set_options",
                    "set_struct",
                ];
                self.is_unsure |=
                    says.contains(&name.id.as_str()) || matches!(name.id.as_str(), "context" | "print");
                if !self.read.contains(&name.id.as_str()) {
                    self.read.push(&name.id);
                }
            }
            Syntax::Name(name) => self.bound.push(&name.id),
            // `t.field.x`
            Syntax::Attribute(attribute) if &*attribute.attr == "field" && attribute.value.is_name_expr() => {
            }
            Syntax::Attribute(attribute) => self.is_unsure |= BESIDES.contains(&attribute.attr.as_str()),
            Syntax::BoolOp(_) | Syntax::If(_) | Syntax::Lambda(_) => self.is_unsure = true,
            // A placeholder.
            Syntax::Set(_) | Syntax::Dict(_) if self.is_rule => return,
            _ => {}
        }
        walk_expr(self, part);
    }
}
