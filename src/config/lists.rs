//! Lists of texts in a table of `annex.toml`: of anything, of schema ids, of columns.

use toml::Spanned;
use toml::de::DeValue;

use super::schemas::Named;
use super::section::Section;

impl<'d> Section<'d> {
    /// A text that says something, or a list of at least one.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<Spanned<&'d str>>> {
        let texts = self.texts_or_blank(key)?;
        Some(texts.into_iter().filter(|text| self.says(key, text)).collect())
    }

    /// The same where a blank text means something.
    pub(super) fn texts_or_blank(&self, key: &'static str) -> Option<Vec<Spanned<&'d str>>> {
        let texts = self.texts_or_none(key)?;
        self.tell_of_twice(key, &texts);
        if texts.is_empty() {
            self.document().note(
                self.place_of(key),
                format!("`{key}` is an empty list"),
                Some("write at least one, or leave the key out where it is not needed"),
            );
        }
        Some(texts)
    }

    /// Names that stand twice in a list: the second says nothing, or something else was meant.
    fn tell_of_twice(&self, key: &str, texts: &[Spanned<&str>]) {
        for (at, text) in texts.iter().enumerate() {
            if texts[..at].iter().any(|other| other.get_ref() == text.get_ref()) {
                self.remark(&text.span(), &format!("`{}` appears twice in `{key}`", text.get_ref()));
            }
        }
    }

    /// A text or a list of texts, which may be empty where that means something.
    pub(super) fn texts_or_none(&self, key: &'static str) -> Option<Vec<Spanned<&'d str>>> {
        let value = self.value(key)?;
        let one = |value: &'d Spanned<DeValue<'d>>| {
            value.get_ref().as_str().map(|text| Spanned::new(value.span(), text))
        };
        let list = match value.get_ref() {
            DeValue::Array(array) => array.iter().map(one).collect::<Option<Vec<_>>>(),
            _ => one(value).map(|text| vec![text]),
        };
        if list.is_none() {
            self.mismatch(key, value, "a text in quotes, or a list of them");
        }
        list
    }

    /// A list of whatever.
    pub(super) fn list(&self, key: &'static str) -> Option<&'d [Spanned<DeValue<'d>>]> {
        let value = self.value(key)?;
        let list = value.get_ref().as_array().map(|array| &**array);
        if list.is_none() {
            self.mismatch(key, value, "a list");
        }
        list
    }

    /// Schema ids of fields: at least one, none empty.
    pub(super) fn fields(&self, key: &'static str, mark: fn(Named) -> Named) -> Option<Vec<String>> {
        let names = self.some_names(key)?;
        for name in &names {
            self.names(mark(Named::new(name.span(), name.get_ref())));
        }
        Some(names.into_iter().map(|name| name.into_inner().to_owned()).collect())
    }

    /// Names of columns: at least one, none empty.
    pub(super) fn columns(&self, key: &'static str) -> Option<Vec<String>> {
        let names = self.some_names(key)?;
        Some(names.into_iter().map(|name| name.into_inner().to_owned()).collect())
    }

    fn some_names(&self, key: &'static str) -> Option<Vec<Spanned<&'d str>>> {
        let names = self.texts_or_none(key)?;
        if names.is_empty() {
            self.document().note(
                self.place_of(key),
                format!("`{key}` names no field"),
                Some("write schema ids in quotes"),
            );
        }
        self.tell_of_twice(key, &names);
        for name in names.iter().filter(|name| name.get_ref().trim().is_empty()) {
            self.document().note(name.span(), format!("an empty name in `{key}`"), None::<&str>);
        }
        Some(names)
    }
}
