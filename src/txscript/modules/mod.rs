//! The modules that code can import: as far as their functions make sense without files, network and clocks to set.

mod collections;
mod json;
mod json_reader;
mod math;
pub(super) mod regex;

use super::exception::{Eval, Kind};
use super::machine::Machine;
use super::machine::builtins::{Builtin, Function, Type};
use super::value::Value;
use super::words::Word;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Module {
    Regex,
    Json,
    Math,
    DateTime,
    Decimal,
    Collections,
    Itertools,
    Functools,
    Typing,
    TxScript,
}

impl Module {
    pub(crate) const ALL: [Self; 10] = [
        Self::Regex,
        Self::Json,
        Self::Math,
        Self::DateTime,
        Self::Decimal,
        Self::Collections,
        Self::Itertools,
        Self::Functools,
        Self::Typing,
        Self::TxScript,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Regex => "re",
            Self::Json => "json",
            Self::Math => "math",
            Self::DateTime => "datetime",
            Self::Decimal => "decimal",
            Self::Collections => "collections",
            Self::Itertools => "itertools",
            Self::Functools => "functools",
            Self::Typing => "typing",
            Self::TxScript => "txscript",
        }
    }

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.name() == name)
    }

    pub(crate) fn has(self, word: Word) -> bool {
        self.member(word).is_some()
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    pub(crate) fn member<'h>(self, word: Word) -> Option<Value<'h>> {
        use Word as W;
        let builtin = |builtin| Some(Value::Builtin(builtin));
        let function = || builtin(Builtin::Member(self, word));
        match self {
            Self::Regex => match word {
                W::search
                | W::match_
                | W::fullmatch
                | W::findall
                | W::finditer
                | W::sub
                | W::subn
                | W::split
                | W::escape
                | W::compile => function(),
                W::error => builtin(Builtin::Exception(Kind::PatternError)),
                W::Pattern | W::Match => builtin(Builtin::Type(Type::Other)),
                _ => regex::flag(word).map(Value::Int),
            },
            Self::Json => match word {
                W::dumps | W::loads => function(),
                W::JSONDecodeError => builtin(Builtin::Exception(Kind::JSONDecodeError)),
                _ => None,
            },
            Self::Math => match word {
                W::pi => Some(Value::Float(std::f64::consts::PI)),
                W::e => Some(Value::Float(std::f64::consts::E)),
                W::tau => Some(Value::Float(std::f64::consts::TAU)),
                W::inf => Some(Value::Float(f64::INFINITY)),
                W::nan => Some(Value::Float(f64::NAN)),
                _ => math::has(word).then(function).flatten(),
            },
            Self::DateTime => match word {
                W::date => builtin(Builtin::Type(Type::Date)),
                W::datetime => builtin(Builtin::Type(Type::DateTime)),
                W::timedelta => builtin(Builtin::Type(Type::Delta)),
                _ => None,
            },
            Self::Decimal => match word {
                W::Decimal => builtin(Builtin::Type(Type::Decimal)),
                W::DecimalException => builtin(Builtin::Exception(Kind::DecimalException)),
                W::InvalidOperation => builtin(Builtin::Exception(Kind::InvalidOperation)),
                W::DivisionByZero => builtin(Builtin::Exception(Kind::DivisionByZero)),
                W::Overflow => builtin(Builtin::Exception(Kind::Overflow)),
                W::getcontext => function(),
                W::ROUND_HALF_UP
                | W::ROUND_HALF_EVEN
                | W::ROUND_DOWN
                | W::ROUND_UP
                | W::ROUND_FLOOR
                | W::ROUND_CEILING
                | W::ROUND_HALF_DOWN
                | W::ROUND_05UP => Some(Value::Str(word.text())),
                _ => None,
            },
            Self::Collections => match word {
                W::defaultdict => builtin(Builtin::Type(Type::DefaultDict)),
                W::Counter => builtin(Builtin::Type(Type::Counter)),
                W::OrderedDict => builtin(Builtin::Type(Type::OrderedDict)),
                _ => None,
            },
            Self::Itertools => matches!(
                word,
                W::chain
                    | W::product
                    | W::combinations
                    | W::permutations
                    | W::groupby
                    | W::accumulate
                    | W::islice
                    | W::zip_longest
                    | W::starmap
                    | W::takewhile
                    | W::dropwhile
                    | W::repeat
                    | W::from_iterable
            )
            .then(function)
            .flatten(),
            Self::Functools => matches!(word, W::reduce | W::partial).then(function).flatten(),
            Self::Typing => matches!(
                word,
                W::Any
                    | W::Optional
                    | W::List
                    | W::Dict
                    | W::Tuple
                    | W::Set
                    | W::Union
                    | W::Iterable
                    | W::Callable
            )
            .then_some(Value::Builtin(Builtin::Type(Type::Object))),
            Self::TxScript => match word {
                W::TxScript => builtin(Builtin::Type(Type::TxScript)),
                W::default_to => builtin(Builtin::Function(Function::DefaultTo)),
                W::fallback => builtin(Builtin::Function(Function::Fallback)),
                W::is_empty => builtin(Builtin::Function(Function::IsEmpty)),
                W::is_set => builtin(Builtin::Function(Function::IsSet)),
                W::substitute => builtin(Builtin::Function(Function::Substitute)),
                W::date => builtin(Builtin::Type(Type::Date)),
                W::timedelta => builtin(Builtin::Type(Type::Delta)),
                W::datetime => builtin(Builtin::Module(Self::DateTime)),
                W::re => builtin(Builtin::Module(Self::Regex)),
                _ => None,
            },
        }
    }
}

impl<'h> Machine<'h> {
    pub(super) fn call_member(
        &mut self,
        module: Module,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        match module {
            Module::Regex => self.regex_function(word, positional, keywords),
            Module::Json => self.json_function(word, positional, keywords),
            Module::Math => self.math_function(word, positional, keywords),
            Module::Itertools => self.itertools_function(word, positional, keywords),
            Module::Decimal if word == Word::getcontext && positional.is_empty() => {
                Ok(Value::Builtin(Builtin::DecimalContext))
            }
            Module::Functools => self.functools_function(word, positional, keywords),
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }
}
