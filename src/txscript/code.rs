//! The compiled form of a piece of TxScript: names are resolved to places, so that evaluating looks nothing up by text.

use super::machine::builtins::Builtin;
use super::words::Word;

/// A name as written, for attributes and error texts: its place in [`Program::names`].
pub(crate) type NameId = u32;

/// Which function of a program: its place in [`Program::functions`].
pub(crate) type FunctionId = u32;

/// The function that Rossum calls in a function's code.
pub(crate) const HANDLER: &str = "rossum_hook_request_handler";

/// Where a program has that function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handler {
    /// The slot of the module's frame.
    pub(crate) slot: u32,
    /// Whether it does more with its payload than to make `t` of it.
    pub(crate) reads_payload: bool,
}

pub(crate) struct Program {
    pub(crate) names: Vec<Name>,
    pub(crate) functions: Vec<Function>,
    pub(crate) body: Vec<Stmt>,
    /// Slots of the module's frame.
    pub(crate) slots: usize,
    pub(crate) handler: Option<Handler>,
}

pub(crate) struct Name {
    pub(crate) text: Box<str>,
    pub(crate) word: Option<Word>,
    /// Whether it stands behind a point somewhere.
    pub(crate) is_attribute: bool,
}

pub(crate) struct Function {
    pub(crate) name: Box<str>,
    pub(crate) parameters: Vec<Parameter>,
    /// How many of them can be given by position, and how many of these by position alone.
    pub(crate) positional: usize,
    pub(crate) positional_only: usize,
    /// Slots of `*args` and `**kwargs`.
    pub(crate) rest: Option<u32>,
    pub(crate) keywords: Option<u32>,
    pub(crate) slots: usize,
    pub(crate) body: Body,
}

/// A parameter stands in the slot of its place.
pub(crate) struct Parameter {
    pub(crate) name: Box<str>,
    pub(crate) has_default: bool,
}

pub(crate) enum Body {
    Block(Vec<Stmt>),
    Expression(Expr),
    /// A generator expression; the first iterable is evaluated where it is written, and stands in slot 0.
    Generator(Comprehension),
}

/// A variable: how many frames outwards, and its slot there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable {
    pub(crate) depth: u32,
    pub(crate) slot: u32,
    pub(crate) name: NameId,
    /// What the name means while nothing was assigned to it.
    pub(crate) builtin: Option<Builtin>,
}

pub(crate) struct Stmt {
    pub(crate) line: u32,
    pub(crate) kind: StmtKind,
}

pub(crate) enum StmtKind {
    /// Its value is the result so far.
    Expr(Expr),
    Assign(Vec<Target>, Expr),
    Augment(Target, BinaryOp, Expr),
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Box<For>),
    While(Expr, Vec<Stmt>, Vec<Stmt>),
    Return(Option<Expr>),
    Raise(Option<Expr>),
    Try(Box<Try>),
    Assert(Expr, Option<Expr>),
    Delete(Vec<Target>),
    Break,
    Continue,
    Pass,
}

pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) iterable: Expr,
    pub(crate) body: Vec<Stmt>,
    pub(crate) otherwise: Vec<Stmt>,
}

pub(crate) struct Try {
    pub(crate) body: Vec<Stmt>,
    pub(crate) handlers: Vec<Except>,
    pub(crate) otherwise: Vec<Stmt>,
    pub(crate) finally: Vec<Stmt>,
}

pub(crate) struct Except {
    pub(crate) kind: Option<Expr>,
    pub(crate) name: Option<Variable>,
    pub(crate) body: Vec<Stmt>,
}

pub(crate) enum Target {
    Variable(Variable),
    Attribute(Expr, NameId),
    Subscript(Expr, Expr),
    /// Places before a starred one, the starred one, places after it.
    Unpack(Vec<Self>, Option<Box<Self>>, Vec<Self>),
}

pub(crate) struct Expr {
    pub(crate) line: u32,
    pub(crate) kind: ExprKind,
}

pub(crate) enum ExprKind {
    None,
    Bool(bool),
    Int(i64),
    Big(Box<i128>),
    Float(f64),
    Str(Box<str>),
    Variable(Variable),
    Builtin(Builtin),
    /// `field.name`, the most frequent expression of all.
    Field(NameId),
    Tuple(Vec<Item>),
    List(Vec<Item>),
    Set(Vec<Item>),
    /// A pair without a key is `**mapping`.
    Dict(Vec<(Option<Expr>, Expr)>),
    Unary(UnaryOp, Box<Expr>),
    Not(Box<Expr>),
    Binary(BinaryOp, Box<(Expr, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>),
    Conditional(Box<(Expr, Expr, Expr)>),
    Attribute(Box<Expr>, NameId),
    Subscript(Box<(Expr, Expr)>),
    Slice(Box<[Option<Expr>; 3]>),
    Call(Box<(Expr, Arguments)>),
    /// `receiver.name(…)`, without a bound method in between.
    CallMethod(Box<(Expr, Arguments)>, NameId),
    Assign(Variable, Box<Expr>),
    Format(Vec<Piece>),
    Comprehension(Collect, Box<Comprehension>),
    /// A generator expression with its first iterable.
    Generator(FunctionId, Box<Expr>),
    /// A function or lambda with its defaults.
    Function(FunctionId, Vec<Expr>),
}

pub(crate) enum Item {
    One(Expr),
    Spread(Expr),
}

#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) positional: Vec<Item>,
    /// One without a name is `**mapping`.
    pub(crate) keywords: Vec<(Option<Box<str>>, Expr)>,
}

pub(crate) enum Piece {
    Text(Box<str>),
    Value { value: Expr, conversion: Conversion, spec: Vec<Self> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conversion {
    None,
    Str,
    Repr,
    Ascii,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collect {
    List,
    Set,
    Dict,
}

pub(crate) struct Comprehension {
    /// The element, or a dict's key.
    pub(crate) element: Expr,
    /// A dict's value.
    pub(crate) value: Option<Expr>,
    pub(crate) clauses: Vec<Clause>,
}

pub(crate) struct Clause {
    pub(crate) target: Target,
    pub(crate) iterable: Expr,
    pub(crate) conditions: Vec<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Negative,
    Positive,
    Invert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

impl BinaryOp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Modulo => "%",
            Self::Power => "** or pow()",
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Is,
    IsNot,
    In,
    NotIn,
}

impl CompareOp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Is => "is",
            Self::IsNot => "is not",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }
}
