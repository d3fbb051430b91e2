//! What an evaluation makes outside its arena: texts and lists under way. Both count before they grow, and give back
//! what they took when they go; nothing else in the language grows with data.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::super::exception::{Eval, Stop};
use super::Machine;
use super::limits::MEMORY;

/// The first room of a text or list, so that small ones grow once.
const FIRST: usize = 64;

/// How many bytes of memory an evaluation may take, and takes.
pub(crate) struct Meter {
    most: usize,
    used: Cell<usize>,
    /// Steps that texts under way are worth; the machine takes them over when it counts the next.
    passed: Cell<usize>,
}

impl Meter {
    pub(super) fn new(most: usize) -> Self {
        Self { most, used: Cell::new(0), passed: Cell::new(0) }
    }

    /// Counts before it is taken.
    #[inline]
    pub(super) fn take<'h>(&self, bytes: usize) -> Eval<'h, ()> {
        let used = self.used.get().saturating_add(bytes);
        self.used.set(used);
        if used > self.most { Err(Stop::Limit(MEMORY)) } else { Ok(()) }
    }

    fn give_back(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }

    pub(super) fn passed(&self) -> usize {
        self.passed.take()
    }

    /// Room for more: what it is to grow to, at least doubled where that fits.
    fn grow<'h>(&self, size: usize, needed: usize) -> Eval<'h, usize> {
        let left = self.most.saturating_sub(self.used.get());
        let doubled = needed.max(size.saturating_mul(2)).max(FIRST);
        let new = if doubled - size <= left { doubled } else { needed };
        self.take(new - size)?;
        Ok(new)
    }
}

/// A text under way: the one way to build a text whose length depends on data.
pub(crate) struct TextBuilder<'h> {
    meter: &'h Meter,
    text: String,
    counted: usize,
    is_full: bool,
}

impl<'h> TextBuilder<'h> {
    /// Whether something had no room: for who writes through a library, which says only that it failed.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    #[inline]
    pub(crate) fn push_str(&mut self, part: &str) -> Eval<'h, ()> {
        self.reserve(part.len())?;
        self.text.push_str(part);
        Ok(())
    }

    #[inline]
    pub(crate) fn push(&mut self, c: char) -> Eval<'h, ()> {
        self.reserve(c.len_utf8())?;
        self.text.push(c);
        Ok(())
    }

    pub(crate) fn repeat(&mut self, part: &str, count: usize) -> Eval<'h, ()> {
        let whole = part.len().saturating_mul(count);
        self.reserve(whole)?;
        if whole == 0 {
            return Ok(());
        }
        let start = self.text.len();
        self.text.push_str(part);
        // Twice as much each time; the last time what is left.
        while self.text.len() - start < whole {
            let done = self.text.len() - start;
            self.text.extend_from_within(start..start + done.min(whole - done));
        }
        Ok(())
    }

    pub(crate) fn fill(&mut self, c: char, count: usize) -> Eval<'h, ()> {
        self.repeat(c.encode_utf8(&mut [0; 4]), count)
    }

    pub(crate) fn extend(&mut self, chars: impl IntoIterator<Item = char>) -> Eval<'h, ()> {
        chars.into_iter().try_for_each(|c| self.push(c))
    }

    pub(crate) fn write(&mut self, text: fmt::Arguments<'_>) -> Eval<'h, ()> {
        fmt::Write::write_fmt(self, text).map_err(|_| Stop::Limit(MEMORY))
    }

    #[inline]
    fn reserve(&mut self, more: usize) -> Eval<'h, ()> {
        if self.text.capacity() - self.text.len() >= more { Ok(()) } else { self.grow(more) }
    }

    #[cold]
    fn grow(&mut self, more: usize) -> Eval<'h, ()> {
        let new = self.meter.grow(self.counted, self.text.len().saturating_add(more))?;
        self.meter.passed.set(self.meter.passed.get() + (new - self.counted) / 64);
        self.counted = new;
        self.text.reserve_exact(new - self.text.len());
        Ok(())
    }

    /// For who is outside of the evaluation: it stays counted.
    pub(crate) fn into_string(mut self) -> String {
        self.counted = 0;
        std::mem::take(&mut self.text)
    }
}

impl fmt::Write for TextBuilder<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.push_str(part).map_err(|_| {
            self.is_full = true;
            fmt::Error
        })
    }
}

impl Deref for TextBuilder<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Drop for TextBuilder<'_> {
    fn drop(&mut self) {
        self.meter.give_back(self.counted);
    }
}

/// A list under way, or a copy of one that may change meanwhile.
pub(crate) struct Buffer<'h, T> {
    meter: &'h Meter,
    items: Vec<T>,
    counted: usize,
}

impl<'h, T: Copy> Buffer<'h, T> {
    #[inline]
    pub(crate) fn push(&mut self, item: T) -> Eval<'h, ()> {
        self.reserve(1)?;
        self.items.push(item);
        Ok(())
    }

    pub(crate) fn extend_from_slice(&mut self, items: &[T]) -> Eval<'h, ()> {
        self.reserve(items.len())?;
        self.items.extend_from_slice(items);
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.items.truncate(length);
    }

    #[inline]
    fn reserve(&mut self, more: usize) -> Eval<'h, ()> {
        if self.items.capacity() - self.items.len() >= more { Ok(()) } else { self.grow(more) }
    }

    #[cold]
    fn grow(&mut self, more: usize) -> Eval<'h, ()> {
        let size = size_of::<T>().max(1);
        let needed = self.items.len().saturating_add(more).saturating_mul(size);
        let new = self.meter.grow(self.counted, needed)?;
        self.counted = new;
        self.items.reserve_exact(new / size - self.items.len());
        Ok(())
    }
}

impl<T> Deref for Buffer<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for Buffer<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<T> AsRef<[T]> for Buffer<'_, T> {
    fn as_ref(&self) -> &[T] {
        &self.items
    }
}

impl<T> Drop for Buffer<'_, T> {
    fn drop(&mut self) {
        self.meter.give_back(self.counted);
    }
}

impl<'h, T: Copy> IntoIterator for Buffer<'h, T> {
    type Item = T;
    type IntoIter = Drain<'h, T>;

    fn into_iter(self) -> Drain<'h, T> {
        Drain { at: 0, buffer: self }
    }
}

/// The items of a list one by one; it stays counted until the last is gone.
pub(crate) struct Drain<'h, T> {
    at: usize,
    buffer: Buffer<'h, T>,
}

impl<T: Copy> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.buffer.items.get(self.at).copied();
        self.at += 1;
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.buffer.items.len().saturating_sub(self.at);
        (left, Some(left))
    }
}

impl<'h> Machine<'h> {
    /// Whether there is room for something that lives for a moment only, and calls no code of the rule.
    pub(crate) fn room(&mut self, bytes: usize) -> Eval<'h, ()> {
        self.meter.take(bytes)?;
        self.meter.give_back(bytes);
        Ok(())
    }

    pub(crate) fn builder(&self) -> TextBuilder<'h> {
        TextBuilder { meter: self.meter, text: String::new(), counted: 0, is_full: false }
    }

    /// A finished text moves into the arena.
    pub(crate) fn finish(&mut self, mut text: TextBuilder<'h>) -> Eval<'h, &'h str> {
        self.meter.give_back(std::mem::take(&mut text.counted));
        self.text(&text)
    }

    pub(crate) fn buffer<T>(&self) -> Buffer<'h, T> {
        Buffer { meter: self.meter, items: Vec::new(), counted: 0 }
    }

    /// A copy of items; each is a step.
    pub(crate) fn copied<T: Copy>(&mut self, items: &[T]) -> Eval<'h, Buffer<'h, T>> {
        let mut copy = self.buffer();
        copy.extend_from_slice(items)?;
        self.steps(items.len())?;
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_grows_beyond_the_limit() {
        let meter = Meter::new(1000);
        let mut text = TextBuilder { meter: &meter, text: String::new(), counted: 0, is_full: false };
        assert!(text.repeat("ab", 300).is_ok());
        assert!(text.push_str(&"x".repeat(401)).is_err());
        assert!(text.text.capacity() <= 1000, "{}", text.text.capacity());
    }

    #[test]
    fn what_goes_gives_back_what_it_took() {
        let meter = Meter::new(1000);
        for _ in 0..100 {
            let mut list = Buffer { meter: &meter, items: Vec::new(), counted: 0 };
            for number in 0..60_u64 {
                assert!(list.push(number).is_ok());
            }
            let mut text = TextBuilder { meter: &meter, text: String::new(), counted: 0, is_full: false };
            assert!(text.fill('é', 100).is_ok());
            assert_eq!(text.len(), 200);
        }
        assert_eq!(meter.used.get(), 0);
        assert!(meter.passed() > 100);
    }
}
