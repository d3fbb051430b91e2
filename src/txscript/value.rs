//! The values of an evaluation. All of them are `Copy`: what is larger than a word lives in the evaluation's arena.

use std::cell::{Cell, RefCell};

use bumpalo::collections::Vec as ArenaVec;
use jiff::civil::{Date, DateTime};

use super::code::Function;
use super::edit::lists::{AttrList, OptionRef};
use super::exception::{Exception, Kind};
use super::field::{Cells, Datapoint, JsonNode, RowRef, TableRef};
use super::machine::builtins::Builtin;
use super::modules::regex::{Found, Pattern};
use super::types::decimal::Kept;
use super::types::dict::{Dict, Special};
use super::words::Word;

pub(crate) type Items<'h> = ArenaVec<'h, Value<'h>>;

#[derive(Clone, Copy, Default)]
pub(crate) enum Value<'h> {
    #[default]
    None,
    Bool(bool),
    Int(i64),
    /// An integer that does not fit into `Int`.
    Big(&'h i128),
    Float(f64),
    Str(&'h str),
    Decimal(&'h Kept<'h>),
    Date(Date),
    DateTime(&'h DateTime),
    /// Microseconds.
    Delta(i64),
    List(&'h RefCell<Items<'h>>),
    Tuple(&'h [Self]),
    Named(&'h Named<'h>),
    Dict(&'h Dict<'h>),
    Set(&'h Dict<'h>),
    Range(&'h Range),
    Slice(&'h [Self; 3]),
    Iter(&'h Iter<'h>),
    Function(&'h Closure<'h>),
    Builtin(Builtin),
    Partial(&'h (Self, &'h [Self], &'h [(&'h str, Self)])),
    Method(&'h (Self, Word)),
    Exception(&'h Exception<'h>),
    Pattern(&'h Pattern),
    Match(&'h Found<'h>),
    // TxScript's own.
    /// `field`.
    Fields,
    /// A datapoint's value, which remembers its datapoint.
    Datapoint(&'h Datapoint<'h>),
    /// `field.column`: no value by itself.
    Column(&'h Cells<'h>),
    /// `field.column.all_values`.
    AllValues(&'h Cells<'h>),
    /// What an operator made of a column: element by element.
    Values(&'h RefCell<Items<'h>>),
    /// `field.line_items`.
    Table(&'h TableRef<'h>),
    Row(&'h RowRef<'h>),
    /// `value.attr`.
    Attr(&'h Self),
    /// `value.attr.options`, `value.attr.validation_sources`.
    AttrList(&'h AttrList<'h>),
    EnumOption(&'h OptionRef<'h>),
    /// `t`, and `t.annotation`.
    Session,
    Annotation,
    /// A part of the payload: `context.queue`.
    Json(JsonNode<'h>),
    Context,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) step: i64,
}

impl Range {
    pub(crate) fn len(self) -> usize {
        let span = if self.step > 0 {
            i128::from(self.stop) - i128::from(self.start)
        } else {
            i128::from(self.start) - i128::from(self.stop)
        };
        let step = i128::from(self.step).abs();
        usize::try_from((span + step - 1).max(0) / step).unwrap_or(usize::MAX)
    }

    pub(crate) fn get(self, at: usize) -> Option<i64> {
        let at = i128::try_from(at).ok().filter(|_| at < self.len())?;
        i64::try_from(i128::from(self.start) + at * i128::from(self.step)).ok()
    }
}

/// A tuple whose items have names too: `Decimal("1.5").as_tuple().exponent`.
pub(crate) struct Named<'h> {
    /// As `repr` writes it.
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [&'static str],
    pub(crate) items: &'h [Value<'h>],
}

/// The variables of a function call, and of the function around it.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'h> {
    pub(crate) slots: &'h [Cell<Option<Value<'h>>>],
    pub(crate) outer: Option<&'h Self>,
}

pub(crate) struct Closure<'h> {
    pub(crate) code: &'h Function,
    pub(crate) frame: &'h Frame<'h>,
    pub(crate) defaults: &'h [Value<'h>],
}

pub(crate) struct Iter<'h>(pub(crate) RefCell<Source<'h>>);

/// Where an iterator takes its values from.
pub(crate) enum Source<'h> {
    Done,
    /// Anything with a length, by index: it may change meanwhile.
    Indexed(Value<'h>, usize),
    Str(std::str::Chars<'h>),
    StrBack(std::str::Chars<'h>),
    Reversed(Value<'h>, usize),
    Zip(&'h [Value<'h>], bool),
    Enumerate(Value<'h>, i128),
    Map(Value<'h>, &'h [Value<'h>]),
    Filter(Value<'h>, Value<'h>),
    Chain(&'h [Value<'h>], usize, Option<Value<'h>>),
    Slice {
        of: Value<'h>,
        at: i64,
        next: i64,
        stop: Option<i64>,
        step: i64,
    },
    Repeat(Value<'h>, Option<usize>),
    Generator(&'h Generator<'h>),
}

/// A generator expression under way.
pub(crate) struct Generator<'h> {
    pub(crate) code: &'h Function,
    pub(crate) frame: &'h Frame<'h>,
    /// The iterator of each clause that was entered.
    pub(crate) iterators: RefCell<ArenaVec<'h, Value<'h>>>,
}

impl Value<'_> {
    /// Python's name of its type, for error texts.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Decimal(_) => "decimal.Decimal",
            Self::Date(_) => "datetime.date",
            Self::DateTime(_) => "datetime.datetime",
            Self::Delta(_) => "datetime.timedelta",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Named(named) => named.name.rsplit('.').next().unwrap_or_default(),
            Self::Dict(dict) => dict.type_name(),
            Self::Set(set) if matches!(set.special, Special::FrozenSet) => "frozenset",
            Self::Set(_) => "set",
            Self::Range(_) => "range",
            Self::Slice(_) => "slice",
            Self::Iter(iter) => iter.type_name(),
            Self::Function(_) => "function",
            Self::Builtin(builtin) => builtin.type_name(),
            Self::Partial(_) => "functools.partial",
            Self::Method(_) => "builtin_function_or_method",
            Self::Exception(exception) => exception.kind.name(),
            Self::Pattern(_) => "re.Pattern",
            Self::Match(_) => "re.Match",
            Self::Fields => "Fields",
            Self::Datapoint(datapoint) => datapoint.type_name(),
            Self::Column(_) => "TableColumnValue",
            Self::AllValues(_) => "TableColumn",
            Self::Values(_) => "ValuesColumn",
            Self::Table(_) => "Table",
            Self::Row(_) => "TableRow",
            Self::Attr(_) => "DotAttrProxy",
            Self::AttrList(list) => list.type_name(),
            Self::EnumOption(_) => "EnumOption",
            Self::Session => "TxScriptAnnotationContent",
            Self::Annotation => "Annotation",
            Self::Json(node) => node.type_name(),
            Self::Context => "Context",
        }
    }

    /// The plain value behind a field's value.
    pub(crate) fn plain(self) -> Self {
        match self {
            Self::Datapoint(datapoint) => datapoint.data,
            Self::Named(named) => Self::Tuple(named.items),
            other => other,
        }
    }

    /// A stand-in's plain value; a text stays what it is.
    pub(crate) fn demoted(self) -> Self {
        match self {
            Self::Datapoint(datapoint) if !datapoint.is_text() => datapoint.data,
            other => other,
        }
    }

    /// As an integer, with booleans as 0 and 1.
    pub(crate) fn int(self) -> Option<i128> {
        match self {
            Self::Bool(bool) => Some(i128::from(bool)),
            Self::Int(int) => Some(i128::from(int)),
            Self::Big(big) => Some(*big),
            _ => None,
        }
    }

    /// As a key of a dict: a text field's value is its text.
    pub(crate) fn plain_key(self) -> Self {
        match self {
            Self::Datapoint(datapoint) if datapoint.is_text() => datapoint.data,
            Self::Named(named) => Self::Tuple(named.items),
            other => other,
        }
    }

    pub(crate) fn is_exception(self, kind: Kind) -> bool {
        matches!(self, Self::Exception(exception) if exception.kind.is(kind))
    }
}

impl Iter<'_> {
    fn type_name(&self) -> &'static str {
        match &*self.0.borrow() {
            Source::Done | Source::Indexed(..) => "list_iterator",
            Source::Str(_) => "str_iterator",
            Source::StrBack(_) => "reversed",
            Source::Reversed(..) => "list_reverseiterator",
            Source::Zip(..) => "zip",
            Source::Enumerate(..) => "enumerate",
            Source::Map(..) => "map",
            Source::Filter(..) => "filter",
            Source::Chain(..) => "itertools.chain",
            Source::Slice { .. } => "itertools.islice",
            Source::Repeat(..) => "itertools.repeat",
            Source::Generator(_) => "generator",
        }
    }
}
