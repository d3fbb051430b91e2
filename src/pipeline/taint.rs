//! Where the text of a document goes within a query: through variables and fields that the query makes. None of them may
//! become a pattern: there the text would no longer stand for itself.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

/// What holds the text of a document as it is, as far as the query was read.
#[derive(Debug, Default)]
pub(super) struct Taint {
    /// Fields, and variables with `$$` before them.
    names: RefCell<HashSet<String>>,
    /// Whether the expression that is read holds such a text.
    is_held: Cell<bool>,
}

impl Taint {
    /// A placeholder was read, or something that holds one.
    pub(super) fn hold(&self) {
        self.is_held.set(true);
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.borrow().contains(name)
    }

    /// Reads what these names are to be.
    pub(super) fn of<T>(&self, names: &[&str], read: impl FnOnce() -> T) -> T {
        let before = self.is_held.take();
        let made = read();
        if self.is_held.get() {
            self.names.borrow_mut().extend(names.iter().map(|name| (*name).to_owned()));
        }
        self.is_held.set(before || self.is_held.get());
        made
    }
}
