//! XML as it is written: elements in elements, indented, values escaped.

use super::super::escape::Escape;

pub(super) struct Elements {
    out: String,
    depth: usize,
}

impl Elements {
    /// A document with one outermost element.
    pub(super) fn document(name: &str, attributes: &[(&str, &str)], inner: impl FnOnce(&mut Self)) -> String {
        let mut all = Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), depth: 0 };
        all.open(name, attributes);
        inner(&mut all);
        all.close(name);
        all.out
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.extend([" ", name, "=\"", &Escape::Xml.text(value), "\""]);
        }
        self.out.push('>');
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.out.push('\n');
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.out.extend(std::iter::repeat_n("  ", self.depth));
        self.out.extend(["</", name, ">\n"]);
    }

    /// An element of elements.
    pub(super) fn group(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.open(name, &[]);
        inner(self);
        self.close(name);
    }

    /// The same; left out where nothing is in it.
    pub(super) fn group_if_any(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.open(name, &[]);
        let opened = self.out.len();
        inner(self);
        if self.out.len() > opened {
            self.close(name);
        } else {
            self.depth -= 1;
            self.out.truncate(before);
        }
    }

    /// An element with a text.
    pub(super) fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.begin(name, attributes);
        self.out.extend([&Escape::Xml.text(text), "</", name, ">\n"]);
    }

    /// The same; left out where the text is empty.
    pub(super) fn text_if_any(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        if !text.is_empty() {
            self.text(name, attributes, text);
        }
    }
}
