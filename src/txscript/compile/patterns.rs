//! Regular expressions that are written as literals: compiled when the code is, and refused when they cannot be.

use ruff_python_ast::ExprCall;
use ruff_text_size::Ranged;

use super::super::code::{Arguments, BinaryOp, Expr, ExprKind, Item, Name};
use super::super::machine::builtins::{Builtin, Function};
use super::super::modules::Module;
use super::super::modules::regex::{Pattern, flag};
use super::super::words::Word;
use super::{Compiled, Compiler};

/// How many arguments come before `flags`.
fn flags_place(word: Word) -> Option<usize> {
    Some(match word {
        Word::sub | Word::subn => 4,
        Word::split => 3,
        Word::search | Word::match_ | Word::fullmatch | Word::findall | Word::finditer => 2,
        Word::compile => 1,
        _ => return None,
    })
}

impl Compiler<'_> {
    /// Compiles the pattern of `re.sub("…", …)` and the like.
    pub(super) fn literal_pattern(
        &mut self,
        call: &ExprCall,
        function: &ExprKind,
        method: Option<Word>,
        arguments: &Arguments,
    ) -> Compiled<()> {
        let word = match (function, method) {
            (ExprKind::Builtin(Builtin::Module(Module::Regex)), Some(word)) => word,
            (ExprKind::Builtin(Builtin::Function(Function::Substitute)), None) => Word::sub,
            _ => return Ok(()),
        };
        let Some(place) = flags_place(word) else { return Ok(()) };
        let Some(Item::One(Expr { kind: ExprKind::Str(source), .. })) = arguments.positional.first() else {
            return Ok(());
        };
        let named = arguments.keywords.iter().find(|(name, _)| name.as_deref() == Some("flags"));
        let flags = match (arguments.positional.get(place), named) {
            (Some(Item::One(flags)), _) | (None, Some((_, flags))) => constant_flags(flags, &self.names),
            (None, None) => Some(0),
            (Some(Item::Spread(_)), _) => None,
        };
        let Some(flags) = flags else { return Ok(()) };
        if self.patterns.find(source, flags).is_some() {
            return Ok(());
        }
        match Pattern::new(source, flags) {
            Ok(pattern) => {
                self.patterns.add(pattern);
                Ok(())
            }
            Err(problem) => {
                let at = call.arguments.args.first().map_or(call.start(), Ranged::start);
                Err(self.problem(at, format!("this regular expression always fails: {problem}"), None))
            }
        }
    }
}

/// Flags that are known already: `re.IGNORECASE | re.MULTILINE`.
fn constant_flags(flags: &Expr, names: &[Name]) -> Option<i64> {
    match &flags.kind {
        ExprKind::Int(flags) => Some(*flags),
        ExprKind::Binary(BinaryOp::Or, pair) => {
            Some(constant_flags(&pair.0, names)? | constant_flags(&pair.1, names)?)
        }
        ExprKind::Attribute(owner, name) => match owner.kind {
            ExprKind::Builtin(Builtin::Module(Module::Regex)) => names[*name as usize].word.and_then(flag),
            _ => None,
        },
        _ => None,
    }
}
