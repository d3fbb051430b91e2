//! A field whose value another field gets: which value goes where must be plain.

use toml::Spanned;

use super::super::section::Section;

/// Refuses two fields that have several values each, in different places.
pub(super) fn look(section: &Section<'_>, field: &str, target: &Spanned<&str>) {
    for one in section.schemas_of(None) {
        let (from, to) = (one.schema.repeated_in(field), one.schema.repeated_in(target.get_ref()));
        let (Some(from), Some(to)) = (from, to) else { continue };
        // A row has one cell, and gets the first of values that stand outside of tables.
        let is_spread =
            one.schema.table_of(field).is_none() && one.schema.table_of(target.get_ref()).is_some();
        if from == to || is_spread {
            continue;
        }
        let what = format!(
            "`{field}` has its values in `{from}` and `{}` in `{to}`: nothing says which value goes where ({})",
            target.get_ref(),
            one.file
        );
        let hint = format!(
            "name a field of `{from}`, or one of the header, which gets the first value; `use = \"function\"` can pair them"
        );
        section.document().note(target.span(), what, Some(hint));
        return;
    }
}
