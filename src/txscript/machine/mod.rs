//! The evaluator: walks a program, with all values in one arena.

mod access;
pub(super) mod builtins;
mod calls;
mod collections;
mod construct;
mod expressions;
mod functions;
mod iterate;
pub(super) mod limits;
mod memory;
mod statements;

use std::cell::Cell;
use std::fmt;
use std::time::Instant;

use bumpalo::Bump;
use hashbrown::DefaultHashBuilder;

use super::code::{HANDLER, Program};
use super::edit::Edits;
use super::exception::{Eval, Exception, Kind, Raised, Stop};
use super::field::View;
use super::modules::regex::Patterns;
use super::script::Output;
use super::value::{Frame, Items, Named, Value};

pub(super) use collections::place;
use limits::{LOOK, Limits};
use memory::Meter;
pub(super) use memory::{Buffer, TextBuilder};

pub(crate) struct Machine<'h> {
    pub(crate) bump: &'h Bump,
    pub(crate) program: &'h Program,
    pub(crate) view: View<'h>,
    /// The script's own patterns, and those that this evaluation made.
    pub(crate) patterns: &'h Patterns,
    pub(crate) made: &'h Patterns,
    pub(crate) hasher: DefaultHashBuilder,
    /// Digits and rounding of `Decimal`, which code may change for itself.
    pub(crate) decimals: annex_decimal::Context,
    pub(crate) output: Output,
    /// What a function changed; formulas and rules change nothing.
    pub(crate) edits: Option<Box<Edits<'h>>>,
    limits: Limits,
    /// Known from the first look at the clock on: most evaluations end before it.
    deadline: Option<Instant>,
    steps: u64,
    next_look: u64,
    meter: &'h Meter,
    depth: u32,
    /// The value of the last expression statement.
    result: Value<'h>,
    /// Exceptions that are being handled, for a bare `raise`.
    handled: Vec<&'h Exception<'h>>,
}

/// Runs the body of a function where there is stack enough for code as deep as it may nest.
pub(super) fn on_stack<T>(inner: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(LEVELS, 4 * LEVELS, inner)
}

/// Stack that the deepest code of one function takes; without optimization a level is larger.
const LEVELS: usize = if cfg!(debug_assertions) { 8 << 20 } else { 1 << 20 };

impl<'h> Machine<'h> {
    pub(crate) fn new(
        bump: &'h Bump,
        program: &'h Program,
        view: View<'h>,
        patterns: [&'h Patterns; 2],
        limits: Limits,
    ) -> Self {
        Self {
            bump,
            program,
            view,
            patterns: patterns[0],
            made: patterns[1],
            hasher: DefaultHashBuilder::default(),
            decimals: super::types::decimal::context(),
            output: Output::default(),
            edits: None,
            limits,
            deadline: None,
            steps: 0,
            next_look: if limits.time.is_zero() { 1 } else { LOOK.min(limits.steps.saturating_add(1)) },
            meter: bump.alloc(Meter::new(limits.memory)),
            depth: 0,
            result: Value::None,
            handled: Vec::new(),
        }
    }

    /// Runs the whole program; the result is the value of the last expression statement.
    pub(crate) fn run(&mut self) -> Eval<'h> {
        let frame = self.frame(self.program.slots, None)?;
        on_stack(|| self.block(&self.program.body, frame))?;
        Ok(self.result)
    }

    /// Runs the whole program, and then calls the function in a slot of its frame.
    pub(crate) fn run_function(&mut self, slot: u32, argument: Value<'h>) -> Eval<'h> {
        let frame = self.frame(self.program.slots, None)?;
        on_stack(|| self.block(&self.program.body, frame))?;
        match frame.slots.get(slot as usize).and_then(Cell::get) {
            Some(function) => self.call(function, &[argument], &[]),
            None => self.raise(Kind::NameError, format_args!("name '{HANDLER}' is not defined")),
        }
    }

    /// The level above again.
    pub(crate) fn shallower(&mut self) {
        self.depth -= 1;
    }

    /// One level deeper; the caller comes back up.
    pub(crate) fn deeper(&mut self) -> Eval<'h, ()> {
        if self.depth >= self.limits.depth {
            return self.raise_text(Kind::RecursionError, "maximum recursion depth exceeded");
        }
        self.depth += 1;
        Ok(())
    }

    fn frame(&mut self, slots: usize, outer: Option<&'h Frame<'h>>) -> Eval<'h, &'h Frame<'h>> {
        self.memory(slots * size_of::<Cell<Option<Value<'h>>>>() + size_of::<Frame<'h>>())?;
        let slots = &*self.bump.alloc_slice_fill_with(slots, |_| Cell::new(None));
        Ok(self.bump.alloc(Frame { slots, outer }))
    }

    pub(crate) fn str(&mut self, text: &str) -> Eval<'h> {
        self.text(text).map(Value::Str)
    }

    pub(crate) fn text(&mut self, text: &str) -> Eval<'h, &'h str> {
        self.memory(text.len())?;
        self.steps(text.len() / 64)?;
        Ok(self.bump.alloc_str(text))
    }

    pub(crate) fn tuple(&mut self, items: &[Value<'h>]) -> Eval<'h> {
        self.slice(items).map(Value::Tuple)
    }

    pub(crate) fn slice(&mut self, items: &[Value<'h>]) -> Eval<'h, &'h [Value<'h>]> {
        self.memory(size_of_val(items))?;
        Ok(self.bump.alloc_slice_copy(items))
    }

    /// A tuple whose items have names.
    pub(crate) fn named_tuple(
        &mut self,
        name: &'static str,
        fields: &'static [&'static str],
        items: &[Value<'h>],
    ) -> Eval<'h> {
        let items = self.slice(items)?;
        self.memory(size_of::<Named<'h>>())?;
        Ok(Value::Named(self.bump.alloc(Named { name, fields, items })))
    }

    pub(crate) fn list(&mut self, items: impl AsRef<[Value<'h>]>) -> Eval<'h> {
        let items = self.items(items.as_ref())?;
        Ok(Value::List(items))
    }

    /// A column of detached values, on which operators work element by element.
    pub(crate) fn values(&mut self, items: impl AsRef<[Value<'h>]>) -> Eval<'h> {
        let items = self.items(items.as_ref())?;
        Ok(Value::Values(items))
    }

    fn items(&mut self, items: &[Value<'h>]) -> Eval<'h, &'h std::cell::RefCell<Items<'h>>> {
        self.memory(size_of_val(items) + 48)?;
        self.steps(items.len())?;
        let mut own = Items::with_capacity_in(items.len(), self.bump);
        own.extend_from_slice(items);
        Ok(self.bump.alloc(std::cell::RefCell::new(own)))
    }

    /// An integer of any size that is supported.
    pub(crate) fn int(&mut self, int: Option<i128>) -> Eval<'h> {
        match int {
            Some(int) => match i64::try_from(int) {
                Ok(small) => Ok(Value::Int(small)),
                Err(_) => {
                    self.memory(16)?;
                    Ok(Value::Big(self.bump.alloc(int)))
                }
            },
            None => self.raise_text(Kind::OverflowError, "an integer of more than 128 bits is not supported"),
        }
    }

    /// Raises an exception with a text.
    #[cold]
    pub(crate) fn raise<T>(&mut self, kind: Kind, text: fmt::Arguments<'_>) -> Eval<'h, T> {
        let mut said = self.builder();
        said.write(text)?;
        let said = self.finish(said)?;
        self.raise_with(kind, &[Value::Str(said)])
    }

    #[cold]
    pub(crate) fn raise_text<T>(&mut self, kind: Kind, text: &str) -> Eval<'h, T> {
        self.raise(kind, format_args!("{text}"))
    }

    #[cold]
    pub(crate) fn raise_with<T>(&mut self, kind: Kind, args: &[Value<'h>]) -> Eval<'h, T> {
        let args = self.slice(args)?;
        self.memory(size_of::<Exception<'h>>())?;
        Err(raised(self.bump.alloc(Exception { kind, args })))
    }
}

fn raised<'h>(exception: &'h Exception<'h>) -> Stop<'h> {
    Stop::Raised(Box::new(Raised { exception, line: 0, frames: Vec::new() }))
}

/// Notes the line of the innermost expression that failed in its function.
#[cold]
fn at_line(mut stop: Stop<'_>, line: u32) -> Stop<'_> {
    if let Stop::Raised(raised) = &mut stop
        && raised.line == 0
    {
        raised.line = line;
    }
    stop
}
