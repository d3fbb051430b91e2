//! Queries of the configuration: SQL with the document's fields as `:name`, which are bound, never pasted in. They read
//! only.

use std::fmt::Write as _;

/// A query as the database takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub sql: String,
    /// The fields that it names, in the order of their numbers.
    pub fields: Vec<String>,
}

/// Why a text is no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("a query begins with SELECT or WITH")]
    NoQuery,
    #[error("a text, name or remark in it has no end")]
    Open,
    #[error("it has more than one statement")]
    SeveralStatements,
    #[error("a place for a value has no name: write the schema id of a field, `:sender_name`")]
    Nameless,
}

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Query {
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, QueryError> {
        let is_postgres = dialect == Dialect::Postgres;
        let word = text.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !["select", "with"].contains(&word.to_ascii_lowercase().as_str()) {
            return Err(QueryError::NoQuery);
        }
        let mut query = Self { sql: String::with_capacity(text.len()), fields: Vec::new() };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = match first {
                'e' | 'E' if is_postgres && rest[1..].starts_with('\'') && !query.ends_in_a_word() => {
                    1 + escaped(&rest[1..])?
                }
                '\'' | '"' => quoted(rest, first)?,
                '`' if !is_postgres => quoted(rest, first)?,
                '[' if !is_postgres => rest.find(']').ok_or(QueryError::Open)? + 1,
                '$' if is_postgres && !query.ends_in_a_word() => dollars(rest)?,
                '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("/*") => rest.find("*/").ok_or(QueryError::Open)? + 2,
                ';' if rest[1..].trim().is_empty() => break,
                ';' => return Err(QueryError::SeveralStatements),
                '?' if !is_postgres => return Err(QueryError::Nameless),
                // A cast, and a part of an array.
                ':' if is_postgres && rest.starts_with("::") => 2,
                ':' if is_postgres && rest[1..].starts_with(|c: char| c.is_ascii_digit()) => 1,
                ':' => {
                    let name = rest[1..].split(|c: char| !c.is_alphanumeric() && c != '_').next();
                    let name = name.filter(|name| !name.is_empty()).ok_or(QueryError::Nameless)?;
                    query.bind(name, if is_postgres { '$' } else { '?' });
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                other => other.len_utf8(),
            };
            query.sql.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        Ok(query)
    }

    /// Where a field's text is read as a pattern.
    pub fn notes(&self) -> Vec<String> {
        const WORDS: [&str; 7] = ["like", "ilike", "glob", "regexp", "similar", "~", "~*"];
        let mut notes = Vec::new();
        let mut rest = self.sql.as_str();
        while let Some((word, after)) = next_word(rest) {
            rest = after;
            if !WORDS.contains(&word.to_ascii_lowercase().as_str()) {
                continue;
            }
            // Up to the next condition.
            let mut pattern = after;
            while let Some((word, after)) = next_word(pattern) {
                let number = word.strip_prefix(['?', '$']).and_then(|number| number.parse::<usize>().ok());
                if let Some(field) = number.and_then(|number| self.fields.get(number.checked_sub(1)?)) {
                    notes.push(format!(
                        "the text of `{field}` is read as a pattern: `%` and `_` in it stand for anything; \
                         instr(lower(…), lower(:{field})) > 0 (in PostgreSQL: strpos) takes it as it is"
                    ));
                }
                if ["and", "or", "order", "group", "limit", "union", "where", "then"]
                    .contains(&word.to_ascii_lowercase().as_str())
                {
                    break;
                }
                pattern = after;
            }
        }
        notes.dedup();
        notes
    }

    /// Whether what was taken last may go on as a name.
    fn ends_in_a_word(&self) -> bool {
        self.sql.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
    }

    fn bind(&mut self, name: &str, mark: char) {
        let known = self.fields.iter().position(|field| field == name);
        let at = known.unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        });
        let _ = write!(self.sql, "{mark}{}", at + 1); // to a text: never fails
    }
}

/// The next word, number of a field or operator, and what follows it; texts, names in quotes and remarks are passed over.
fn next_word(sql: &str) -> Option<(&str, &str)> {
    let mut rest = sql;
    loop {
        let first = rest.chars().next()?;
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '?' | '$');
        let taken = match first {
            '\'' | '"' | '`' => quoted(rest, first).unwrap_or(rest.len()),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '~' => {
                let end = if rest.starts_with("~*") { 2 } else { 1 };
                return Some(rest.split_at(end));
            }
            c if is_word(c) => {
                return Some(rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len())));
            }
            other => other.len_utf8(),
        };
        rest = &rest[taken..];
    }
}

/// How long a quoted text is, with its quotes; a quote in it is written twice.
pub(super) fn quoted(text: &str, quote: char) -> Result<usize, QueryError> {
    let mut inside = text[1..].char_indices().peekable();
    while let Some((at, c)) = inside.next() {
        if c == quote && inside.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + 2);
        }
    }
    Err(QueryError::Open)
}

/// PostgreSQL's `'…'` after an E, where `\` takes the next character's meaning.
fn escaped(text: &str) -> Result<usize, QueryError> {
    let mut inside = text[1..].char_indices().peekable();
    while let Some((at, c)) = inside.next() {
        match c {
            '\\' => _ = inside.next(),
            '\'' if inside.next_if(|(_, next)| *next == '\'').is_none() => return Ok(at + 2),
            _ => {}
        }
    }
    Err(QueryError::Open)
}

/// PostgreSQL's `$tag$ … $tag$`.
fn dollars(text: &str) -> Result<usize, QueryError> {
    if text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Err(QueryError::Nameless);
    }
    let tag = text[1..].find('$').map(|end| &text[..end + 2]);
    match tag.filter(|tag| tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_')) {
        Some(tag) => {
            let end = text[tag.len()..].find(tag).ok_or(QueryError::Open)?;
            Ok(end + 2 * tag.len())
        }
        None => Ok(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbered_and_texts_left_alone() {
        let query = Query::parse(
            "SELECT id, ':no', \"a:b\" -- :no\n FROM v /* :no */ WHERE a = :x AND (b = :y OR c=:x);",
            Dialect::Sqlite,
        )
        .unwrap();
        assert_eq!(query.fields, ["x", "y"]);
        assert_eq!(
            query.sql,
            "SELECT id, ':no', \"a:b\" -- :no\n FROM v /* :no */ WHERE a = ?1 AND (b = ?2 OR c=?1)"
        );
        assert_eq!(Query::parse("select 'it''s :no' || :č", Dialect::Sqlite).unwrap().fields, ["č"]);
        let error = |text| Query::parse(text, Dialect::Sqlite).unwrap_err();
        assert_eq!(error("DELETE FROM v"), QueryError::NoQuery);
        assert_eq!(error("SELECT 1; DROP TABLE v"), QueryError::SeveralStatements);
        assert_eq!(error("SELECT 'a"), QueryError::Open);
        assert_eq!(error("SELECT ?"), QueryError::Nameless);
        assert_eq!(error("SELECT :"), QueryError::Nameless);
    }

    #[test]
    fn a_field_that_is_read_as_a_pattern_is_told() {
        let notes = |sql: &str| Query::parse(sql, Dialect::Sqlite).unwrap().notes();
        let told = notes("SELECT id FROM v WHERE name LIKE '%' || :vendor || '%' AND id = :id");
        assert!(told.len() == 1 && told[0].contains("`vendor`"), "{told:?}");
        assert_eq!(notes("SELECT id FROM v WHERE name glob lower(:a)").len(), 1);
        for plain in [
            "SELECT id FROM v WHERE name LIKE 'A%' AND id = :id",
            "SELECT 'LIKE', id FROM v WHERE instr(lower(name), lower(:a)) > 0 -- LIKE :a",
        ] {
            assert_eq!(notes(plain), Vec::<String>::new(), "{plain}");
        }
    }

    #[test]
    fn postgresql_has_casts_arrays_and_texts_of_its_own() {
        let query = Query::parse(
            r"SELECT a[1:2], x::date, data ? 'k', E'it\'s :no', $$ :no $$, $t$ $$ :no $t$ FROM v WHERE id = :id::int AND name_e'x' = :n",
            Dialect::Postgres,
        )
        .unwrap();
        assert_eq!(query.fields, ["id", "n"]);
        assert!(query.sql.ends_with("WHERE id = $1::int AND name_e'x' = $2"), "{}", query.sql);
        assert_eq!(Query::parse("SELECT $1", Dialect::Postgres).unwrap_err(), QueryError::Nameless);
        assert_eq!(Query::parse("SELECT $a$ b", Dialect::Postgres).unwrap_err(), QueryError::Open);
    }
}
