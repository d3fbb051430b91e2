//! Attributes and methods.

use super::super::code::NameId;
use super::super::exception::{Eval, Kind};
use super::super::types::date::date_attribute;
use super::super::value::Value;
use super::super::words::Word;
use super::Machine;
use super::builtins::{Builtin, Type};

impl<'h> Machine<'h> {
    pub(super) fn attribute(&mut self, owner: Value<'h>, name: NameId) -> Eval<'h> {
        if let Value::Row(row) = owner
            && let Some(cell) = self.row_cell(row, name)?
        {
            return Ok(cell);
        }
        let name = &self.program.names[name as usize];
        self.attribute_named(owner, &name.text, name.word)
    }

    /// `owner.name`, also for a name that is known only when it is evaluated.
    pub(crate) fn attribute_named(
        &mut self,
        owner: Value<'h>,
        name: &'h str,
        word: Option<Word>,
    ) -> Eval<'h> {
        match owner {
            Value::Fields => return self.field_named(name),
            Value::Row(row) => return self.row_attribute(row, name, word),
            Value::Attr(value) => return self.attr(*value, name),
            Value::Context => return self.context(name),
            Value::Session if word.is_none_or(|word| !has_method(owner, word)) => return self.session(name),
            Value::Annotation => return self.annotation(name),
            Value::EnumOption(option) => return self.option_attribute(option, name),
            Value::Json(node) if node.is_object() => {
                if let Some(value) = self.json_field(node, name)? {
                    return Ok(value);
                }
            }
            _ => {}
        }
        if let Some(word) = word {
            if let Some(value) = self.field_attribute(owner, word)? {
                return Ok(value);
            }
            let itself = if let Value::Named(_) = owner { owner } else { owner.plain() };
            if let Some(value) = self.plain_attribute(itself, word)? {
                return Ok(value);
            }
            if has_method(owner, word) {
                self.memory(32)?;
                return Ok(Value::Method(self.bump.alloc((owner, word))));
            }
        }
        self.no_attribute(owner, name)
    }

    /// `owner.name(…)`.
    pub(super) fn call_method(
        &mut self,
        owner: Value<'h>,
        name: NameId,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let name = &self.program.names[name as usize];
        if let Some(word) = name.word
            && has_method(owner, word)
        {
            return self.method(owner, word, positional, keywords);
        }
        let function = self.attribute_named(owner, &name.text, name.word)?;
        self.call(function, positional, keywords)
    }

    #[cold]
    fn no_attribute<T>(&mut self, owner: Value<'h>, name: &str) -> Eval<'h, T> {
        match owner {
            Value::Datapoint(datapoint) if !datapoint.is_text() => {
                return self.no_attribute(datapoint.data, name);
            }
            Value::Datapoint(_) | Value::Table(_) | Value::Column(_) => {
                if self.attr_exists(owner, name)? {
                    let text = format_args!("Consider accessing .{name} as .attr.{name}");
                    return self.raise(Kind::AttributeError, text);
                }
                return self.raise_text(Kind::AttributeError, name);
            }
            Value::Builtin(Builtin::Module(module)) => {
                let text = format_args!("module '{}' has no attribute '{name}'", module.name());
                return self.raise(Kind::AttributeError, text);
            }
            Value::Builtin(Builtin::Type(_) | Builtin::Exception(_)) => {
                let text = format_args!("type object '{}' has no attribute '{name}'", type_name(owner));
                return self.raise(Kind::AttributeError, text);
            }
            Value::Json(node) if node.is_object() => return self.raise_text(Kind::AttributeError, name),
            _ => {}
        }
        let text = format_args!("'{}' object has no attribute '{name}'", type_name(owner));
        self.raise(Kind::AttributeError, text)
    }

    fn plain_attribute(&mut self, owner: Value<'h>, word: Word) -> Eval<'h, Option<Value<'h>>> {
        Ok(match (owner, word) {
            (Value::Date(_) | Value::DateTime(_) | Value::Delta(_), _) => date_attribute(owner, word),
            (Value::Int(_) | Value::Big(_) | Value::Bool(_), Word::real | Word::numerator)
            | (Value::Float(_) | Value::Decimal(_), Word::real) => Some(owner),
            (Value::Int(_) | Value::Big(_) | Value::Bool(_), Word::imag) => Some(Value::Int(0)),
            (Value::Int(_) | Value::Big(_) | Value::Bool(_), Word::denominator) => Some(Value::Int(1)),
            (Value::Decimal(_), Word::imag) => Some(self.decimal(annex_decimal::Decimal::from(0))?),
            (Value::Builtin(Builtin::DecimalContext), _) => self.decimal_context(word),
            (Value::Named(named), _) => {
                let place = named.fields.iter().position(|field| *field == word.text());
                place.and_then(|place| named.items.get(place).copied())
            }
            (Value::Float(_), Word::imag) => Some(Value::Float(0.0)),
            (Value::Builtin(builtin), Word::__name__) => Some(self.str(builtin.name())?),
            (Value::Builtin(Builtin::Module(module)), _) => module.member(word),
            (Value::Builtin(Builtin::Type(kind)), _) => type_member(kind, word),
            (Value::Exception(exception), Word::args) => Some(Value::Tuple(exception.args)),
            (Value::Exception(exception), Word::msg) if exception.kind == Kind::JSONDecodeError => {
                exception.args.get(1).copied()
            }
            (Value::Function(function), Word::__name__) => Some(Value::Str(&function.code.name)),
            (_, Word::__class__) => Some(owner.type_of()),
            (Value::Match(found), _) => found.attribute(word),
            (Value::Pattern(pattern), Word::pattern) => Some(Value::Str(&pattern.source)),
            (Value::Slice(parts), Word::start) => Some(parts[0]),
            _ => None,
        })
    }

    pub(super) fn method(
        &mut self,
        owner: Value<'h>,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let plain = owner.plain();
        match plain {
            // Of a text that is shorter than the separator, CPython gives the object itself.
            Value::Str(text)
                if word == Word::split
                    && matches!(positional, [Value::Str(separator)] if separator.len() > text.len()) =>
            {
                self.list(vec![owner])
            }
            Value::Str(text) => self.text_method(text, word, positional, keywords),
            Value::List(list) => self.list_method(list, word, positional, keywords),
            Value::Dict(dict) => self.dict_method(dict, word, positional, keywords),
            Value::Set(set) => self.set_method(set, word, positional),
            Value::Date(_) | Value::DateTime(_) | Value::Delta(_) => {
                self.date_method(plain, word, positional, keywords)
            }
            Value::Decimal(decimal) => self.decimal_method(decimal, word, positional, keywords),
            Value::Pattern(pattern) => self.pattern_method(pattern, word, positional, keywords),
            Value::Match(found) => self.match_method(found, word, positional),
            Value::Json(node) => {
                let dict = self.json_plain(node)?;
                match dict {
                    Value::Dict(dict) => self.dict_method(dict, word, positional, keywords),
                    _ => self.no_method(owner, word, positional.len()),
                }
            }
            Value::AttrList(list) => self.attr_list_method(list, word, positional, keywords),
            Value::Session => self.session_method(word, positional, keywords),
            Value::AllValues(_) | Value::Values(_) | Value::Table(_) => {
                self.column_method(owner, word, positional)
            }
            Value::Tuple(_) | Value::Range(_) => {
                let items = self.collect(plain)?;
                self.sequence_method(plain, &items, word, positional)
            }
            Value::Float(float) if word == Word::is_integer => {
                Ok(Value::Bool(float.is_finite() && float.fract() == 0.0))
            }
            Value::Float(_) if word == Word::conjugate => Ok(plain),
            _ => match (plain.int(), word) {
                (Some(int), Word::bit_length) => {
                    Ok(Value::Int(i64::from(128 - int.unsigned_abs().leading_zeros())))
                }
                (Some(_), Word::is_integer) => Ok(Value::Bool(true)),
                (Some(_), Word::conjugate) => Ok(plain),
                _ => self.no_method(owner, word, positional.len()),
            },
        }
    }

    /// A method that is not there, or not with so many arguments.
    #[cold]
    pub(crate) fn no_method<T>(&mut self, owner: Value<'h>, word: Word, given: usize) -> Eval<'h, T> {
        let text =
            format_args!("{}.{}() does not take these {given} arguments here", type_name(owner), word.text());
        self.raise(Kind::TypeError, text)
    }

    pub(super) fn set_attribute(&mut self, owner: Value<'h>, name: NameId, value: Value<'h>) -> Eval<'h, ()> {
        let name = &self.program.names[name as usize].text;
        if self.set_field_attribute(owner, name, value)? {
            return Ok(());
        }
        match owner {
            Value::Builtin(Builtin::DecimalContext) if self.set_decimal_context(name, value)? => Ok(()),
            Value::Json(_) | Value::Context => self.raise_text(Kind::TypeError, "context is read-only"),
            _ => {
                let text = format_args!("'{}' object has no attribute '{name}'", type_name(owner));
                self.raise(Kind::AttributeError, text)
            }
        }
    }
}

impl Value<'_> {
    /// `type(value)`.
    pub(crate) fn type_of(self) -> Self {
        let kind = match self {
            Self::None => Type::Nothing,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) | Self::Big(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Str(_) => Type::Str,
            Self::Decimal(_) => Type::Decimal,
            Self::Date(_) => Type::Date,
            Self::DateTime(_) => Type::DateTime,
            Self::Delta(_) => Type::Delta,
            Self::List(_) => Type::List,
            Self::Tuple(_) | Self::Named(_) => Type::Tuple,
            Self::Dict(_) => Type::Dict,
            Self::Set(_) => Type::Set,
            Self::Range(_) => Type::Range,
            Self::Exception(exception) => return Self::Builtin(Builtin::Exception(exception.kind)),
            _ => Type::Other,
        };
        Self::Builtin(Builtin::Type(kind))
    }
}

/// A type's name without its module.
fn type_name(value: Value<'_>) -> &'static str {
    match value {
        Value::Builtin(builtin @ (Builtin::Type(_) | Builtin::Exception(_))) => builtin.name(),
        other => other.type_name(),
    }
}

fn type_member<'h>(kind: Type, word: Word) -> Option<Value<'h>> {
    let fits = match kind {
        Type::Date => matches!(word, Word::today | Word::fromisoformat | Word::fromordinal),
        Type::DateTime => matches!(
            word,
            Word::today
                | Word::now
                | Word::utcnow
                | Word::fromisoformat
                | Word::strptime
                | Word::combine
                | Word::fromordinal
        ),
        Type::Dict | Type::OrderedDict => word == Word::fromkeys,
        Type::Decimal => word == Word::from_float,
        Type::TxScript => word == Word::from_payload,
        Type::Str => word == Word::maketrans || (word as usize) <= Word::format_map as usize,
        _ => false,
    };
    if let (Word::min | Word::max, Type::Date) = (word, kind) {
        let year = if word == Word::min { 1 } else { 9999 };
        let (month, day) = if word == Word::min { (1, 1) } else { (12, 31) };
        return Some(Value::Date(jiff::civil::Date::constant(year, month, day)));
    }
    fits.then_some(Value::Builtin(Builtin::Static(kind, word)))
}

fn changes_list(word: Word) -> bool {
    use Word as W;
    matches!(word, W::append | W::extend | W::insert | W::remove | W::pop | W::clear | W::reverse)
}

/// Whether a value has a method of this name.
#[expect(clippy::too_many_lines, reason = "an arm for each")]
fn has_method(owner: Value<'_>, word: Word) -> bool {
    use Word as W;
    match owner.plain() {
        Value::Str(_) => matches!(word as usize, first if first <= W::format_map as usize),
        Value::List(_) => matches!(
            word,
            W::append
                | W::extend
                | W::insert
                | W::remove
                | W::pop
                | W::clear
                | W::sort
                | W::reverse
                | W::copy
                | W::index
                | W::count
        ),
        Value::Tuple(_) | Value::Range(_) => matches!(word, W::index | W::count),
        Value::Dict(_) => matches!(
            word,
            W::get
                | W::keys
                | W::values
                | W::items
                | W::setdefault
                | W::update
                | W::pop
                | W::popitem
                | W::clear
                | W::copy
                | W::most_common
                | W::elements
        ),
        Value::Set(_) => matches!(
            word,
            W::add
                | W::discard
                | W::remove
                | W::pop
                | W::clear
                | W::copy
                | W::union
                | W::intersection
                | W::difference
                | W::symmetric_difference
                | W::issubset
                | W::issuperset
                | W::isdisjoint
                | W::update
                | W::intersection_update
                | W::difference_update
                | W::symmetric_difference_update
        ),
        Value::Float(_) => matches!(word, W::is_integer | W::hex | W::conjugate),
        Value::Int(_) | Value::Big(_) | Value::Bool(_) => {
            matches!(word, W::bit_length | W::conjugate | W::is_integer)
        }
        Value::Decimal(_) => super::super::types::decimal_methods::has(word),
        Value::Date(_) => matches!(
            word,
            W::strftime
                | W::isoformat
                | W::weekday
                | W::isoweekday
                | W::isocalendar
                | W::replace
                | W::toordinal
        ),
        Value::DateTime(_) => matches!(
            word,
            W::strftime
                | W::isoformat
                | W::weekday
                | W::isoweekday
                | W::isocalendar
                | W::replace
                | W::toordinal
                | W::date
        ),
        Value::Delta(_) => matches!(word, W::total_seconds),
        Value::Pattern(_) => matches!(
            word,
            W::search | W::match_ | W::fullmatch | W::findall | W::finditer | W::sub | W::subn | W::split
        ),
        Value::Match(_) => {
            matches!(word, W::group | W::groups | W::groupdict | W::start | W::end | W::span)
        }
        Value::AllValues(_) => {
            matches!(word, W::default_to | W::is_empty | W::index | W::count | W::copy) || changes_list(word)
        }
        Value::Values(_) => matches!(word, W::default_to | W::is_empty | W::index | W::count | W::copy),
        Value::Table(_) => matches!(word, W::index | W::count | W::copy) || changes_list(word),
        Value::AttrList(_) => matches!(word, W::index | W::count | W::copy | W::sort) || changes_list(word),
        Value::Session => matches!(
            word,
            W::hook_response | W::show_error | W::show_warning | W::show_info | W::automation_blocker
        ),
        Value::Json(node) if node.is_object() => {
            matches!(word, W::get | W::keys | W::values | W::items)
        }
        _ => false,
    }
}
