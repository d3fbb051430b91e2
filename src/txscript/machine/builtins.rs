//! The names that every program begins with.

use super::super::exception::Kind;
use super::super::field::RuleFunction;
use super::super::modules::Module;
use super::super::value::Value;
use super::super::words::Word;

/// What a name means that nobody assigned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    Function(Function),
    Type(Type),
    Module(Module),
    /// `math.floor`, `json.dumps`.
    Member(Module, Word),
    /// `date.fromisoformat`, `dict.fromkeys`.
    Static(Type, Word),
    Exception(Kind),
    /// What only business rules have.
    BusinessRule(RuleFunction),
    Fields,
    Context,
    /// What `decimal.getcontext()` gives.
    DecimalContext,
    /// What `t` is in functions: its attributes are names in rules and formulas.
    Session,
}

macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $kind { $($variant),* }

        impl $kind {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

named! {
    /// A function that needs no import.
    Function {
        Abs = "abs", All = "all", Any = "any", Ascii = "ascii", Bin = "bin", Callable = "callable", Chr = "chr",
        Divmod = "divmod", Enumerate = "enumerate", Filter = "filter", Format = "format", Getattr = "getattr",
        Hasattr = "hasattr", Hash = "hash", Hex = "hex", Isinstance = "isinstance", Iter = "iter", Len = "len",
        Map = "map", Max = "max", Min = "min", Next = "next", Oct = "oct", Ord = "ord", Pow = "pow", Print = "print",
        Repr = "repr", Reversed = "reversed", Round = "round", Sorted = "sorted", Sum = "sum", TypeOf = "type",
        Zip = "zip", DefaultTo = "default_to", Fallback = "fallback", IsEmpty = "is_empty", IsSet = "is_set",
        Substitute = "substitute", ShowError = "show_error", ShowWarning = "show_warning", ShowInfo = "show_info",
        AutomationBlocker = "automation_blocker", SetOptions = "set_options", SetStruct = "set_struct",
    }
}

named! {
    /// A type.
    Type {
        Int = "int", Float = "float", Str = "str", Bool = "bool", List = "list", Tuple = "tuple", Dict = "dict",
        Set = "set", FrozenSet = "frozenset", Range = "range", Slice = "slice", Object = "object", Date = "date",
        Delta = "timedelta", DateTime = "datetime.datetime", Decimal = "Decimal", DefaultDict = "defaultdict",
        Counter = "Counter", OrderedDict = "OrderedDict", Nothing = "NoneType", Other = "StringValue", TxScript = "TxScript",
    }
}

/// The attributes of `t` that rules and formulas know by name.
pub(crate) const SESSION: [&str; 2] = ["annotation", "updated_datapoint_ids"];

impl Builtin {
    pub(crate) fn find(name: &str) -> Option<Self> {
        let function = Function::ALL.iter().find(|function| function.name() == name);
        if let Some(function) = function {
            return Some(Self::Function(*function));
        }
        let in_scope = |kind: &&Type| {
            !matches!(
                kind.name(),
                "Decimal" | "defaultdict" | "Counter" | "OrderedDict" | "NoneType" | "StringValue"
            )
        };
        if let Some(kind) = Type::ALL.iter().filter(in_scope).find(|kind| kind.name() == name) {
            return Some(Self::Type(*kind));
        }
        if let Some(kind) = Kind::ALL.iter().find(|kind| {
            kind.name() == name
                && !matches!(
                    kind,
                    Kind::JSONDecodeError
                        | Kind::PatternError
                        | Kind::DecimalException
                        | Kind::InvalidOperation
                        | Kind::DivisionByZero
                        | Kind::Overflow
                        | Kind::PayloadError
                        | Kind::Skipped
                )
        }) {
            return Some(Self::Exception(*kind));
        }
        Some(match name {
            "re" => Self::Module(Module::Regex),
            "datetime" => Self::Module(Module::DateTime),
            "field" => Self::Fields,
            "context" => Self::Context,
            "EnvironmentError" | "IOError" => Self::Exception(Kind::OSError),
            _ => return None,
        })
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        let functions = Function::ALL.iter().map(|function| function.name());
        functions
            .chain(Type::ALL.iter().map(|kind| kind.name()))
            .chain(["re", "datetime", "field", "context"])
            .chain(SESSION)
    }

    pub(crate) fn value<'h>(self) -> Value<'h> {
        match self {
            Self::Fields => Value::Fields,
            Self::Context => Value::Context,
            Self::Session => Value::Session,
            other => Value::Builtin(other),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Function(function) => function.name(),
            Self::Type(Type::DateTime) => "datetime",
            Self::Type(kind) => kind.name(),
            Self::Module(module) => module.name(),
            Self::Member(_, word) | Self::Static(_, word) => word.text(),
            Self::Exception(kind) => kind.name(),
            Self::BusinessRule(_) => "function",
            Self::Fields => "field",
            Self::Context => "context",
            Self::DecimalContext => "Context",
            Self::Session => "t",
        }
    }

    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Function(_) | Self::Member(..) | Self::Static(..) | Self::BusinessRule(_) => {
                "builtin_function_or_method"
            }
            Self::Type(_) | Self::Exception(_) => "type",
            Self::Module(_) => "module",
            Self::Fields => "Fields",
            Self::Context => "Context",
            Self::DecimalContext => "decimal.Context",
            Self::Session => "TxScriptAnnotationContent",
        }
    }

    pub(crate) fn repr(self) -> String {
        let name = self.name();
        match self {
            Self::Type(Type::Date | Type::Delta | Type::DateTime) => format!("<class 'datetime.{name}'>"),
            Self::Type(Type::Decimal) => "<class 'decimal.Decimal'>".to_owned(),
            Self::Type(Type::DefaultDict | Type::Counter | Type::OrderedDict) => {
                format!("<class 'collections.{name}'>")
            }
            Self::Type(_) | Self::Exception(_) => format!("<class '{name}'>"),
            Self::Module(_) => format!("<module '{name}'>"),
            _ => format!("<built-in function {name}>"),
        }
    }
}
