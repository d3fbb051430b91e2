//! A number in SQL that is compared with a text. To SQLite each text is larger than each number and equal to none, and all
//! columns of datasets are texts, and so are the fields' values: the comparison has one result, whatever the records are.

use super::Query;
use super::sql::quoted;

/// Such a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bare {
    /// As it stands in the query.
    pub(crate) text: String,
    /// Whether it holds for each record, or for none.
    pub(crate) holds: bool,
    /// How it may be written.
    pub(crate) cure: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'q> {
    Word(&'q str),
    /// A name in quotes.
    Name(&'q str),
    Number(&'q str),
    /// The number of a field.
    Field(&'q str),
    Sign(&'q str),
    Text,
}

/// What is compared, or a list of numbers: where it begins, and where it ends.
type Span = (usize, usize);

/// Before a whole condition.
const BEFORE: [&str; 13] =
    ["where", "and", "or", "not", "on", "having", "when", "then", "else", "select", "distinct", "(", ","];
/// After one.
const AFTER: [&str; 18] = [
    "and",
    "or",
    "order",
    "group",
    "limit",
    "then",
    "else",
    "when",
    "end",
    "union",
    "intersect",
    "except",
    "having",
    "from",
    "as",
    "where",
    ")",
    ",",
];
/// Before a column, where it is no new name.
const BEFORE_COLUMN: [&str; 21] = [
    "where", "and", "or", "not", "on", "having", "when", "then", "else", "select", "distinct", "all", "by",
    "case", "in", "like", "glob", "between", "is", "limit", "escape",
];
/// What gives columns of other types, whose names are not told here.
const OTHERS: [&str; 7] =
    ["values", "json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series", "pragma_table_info"];

/// The comparisons of a number with one of these columns, or with a field.
pub(crate) fn bare_numbers(query: &Query, columns: &[String]) -> Vec<Bare> {
    let looked = Looked { tokens: tokens(&query.sql), columns, query };
    if looked.has_others() {
        return Vec::new();
    }
    let mut found: Vec<Bare> = (0..looked.tokens.len()).filter_map(|at| looked.compared(at)).collect();
    found.dedup();
    found
}

struct Looked<'q> {
    tokens: Vec<Token<'q>>,
    columns: &'q [String],
    query: &'q Query,
}

impl<'q> Looked<'q> {
    /// A word or a sign.
    fn word(&self, at: usize) -> Option<String> {
        match self.tokens.get(at)? {
            Token::Word(word) | Token::Sign(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        self.word(at).is_some_and(|word| words.contains(&&*word))
    }

    fn has_others(&self) -> bool {
        let mut depth = 0_usize;
        (0..self.tokens.len()).any(|at| {
            depth += usize::from(self.is(at, &["("]));
            depth = depth.saturating_sub(usize::from(self.is(at, &[")"])));
            self.is(at, &OTHERS) || depth > 0 && self.is(at, &["union"])
        })
    }

    fn name(&self, at: usize) -> Option<&'q str> {
        match self.tokens.get(at)? {
            Token::Word(name) | Token::Name(name) => Some(name),
            _ => None,
        }
    }

    /// A comparison whose operator stands here.
    fn compared(&self, at: usize) -> Option<Bare> {
        let word = self.word(at)?;
        let is_not = at > 0 && self.is(at - 1, &["not"]);
        let left = at.checked_sub(1 + usize::from(is_not))?;
        match &*word {
            "=" | "==" | "<>" | "!=" | "<" | "<=" | ">" | ">=" => {
                if let Some(text) = self.text_before(left) {
                    let number = self.number(at + 1, true)?;
                    let holds = matches!(&*word, "<>" | "!=" | ">" | ">=");
                    return self.told(text, (text.0, number.1), holds, |text| self.cure(text, &word, number));
                }
                let number = self.number_before(left)?;
                let text = self.text_at(at + 1)?;
                let holds = matches!(&*word, "<>" | "!=" | "<" | "<=");
                let turned = match &*word {
                    "<" => ">",
                    "<=" => ">=",
                    ">" => "<",
                    ">=" => "<=",
                    same => same,
                };
                self.told(text, (number.0, text.1), holds, |text| self.cure(text, turned, number))
            }
            "is" => {
                let is_not = self.is(at + 1, &["not"]);
                let text = self.text_before(left)?;
                let number = self.number(at + 1 + usize::from(is_not), false)?;
                let word = if is_not { "<>" } else { "=" };
                self.told(text, (text.0, number.1), is_not, |text| self.cure(text, word, number))
            }
            "in" => {
                let text = self.text_before(left)?;
                let mut next = at + 1;
                let mut texts = Vec::new();
                if !self.is(next, &["("]) {
                    return None;
                }
                while !self.is(next, &[")"]) {
                    let number = self.number(next + 1, true)?;
                    texts.push(format!("'{}'", self.written(number)));
                    next = number.1 + 1;
                    if !self.is(next, &[",", ")"]) {
                        return None;
                    }
                }
                let list = texts.join(", ");
                let not = if is_not { "NOT " } else { "" };
                self.told(text, (text.0, next), is_not, |text| format!("`{text} {not}IN ({list})`"))
            }
            "between" => {
                let text = self.text_before(left)?;
                let least = self.number(at + 1, true)?;
                if !self.is(least.1 + 1, &["and"]) {
                    return None;
                }
                let most = self.number(least.1 + 2, true)?;
                let (least, most) = (self.written(least), self.written(most));
                let cast = cast(&[&*least, &*most].concat());
                let end = most_end(self, at)?;
                self.told(text, (text.0, end), is_not, |text| {
                    format!("`CAST({text} AS {cast}) BETWEEN {least} AND {most}`")
                })
            }
            _ => None,
        }
    }

    /// Told where the whole is a condition.
    fn told(&self, text: Span, whole: Span, holds: bool, cure: impl Fn(&str) -> String) -> Option<Bare> {
        let before = whole.0.checked_sub(1)?;
        let is_end = whole.1 + 1 >= self.tokens.len() || self.is(whole.1 + 1, &AFTER);
        if !self.is(before, &BEFORE) || !is_end || self.is_range(before) || self.is_named_anew(text) {
            return None;
        }
        Some(Bare { text: self.written(whole), holds, cure: cure(&self.written(text)) })
    }

    /// Whether this `and` belongs to a `between`.
    fn is_range(&self, at: usize) -> bool {
        self.is(at, &["and"])
            && (0..at)
                .rev()
                .take_while(|at| !self.is(*at, &["and", "or", "where", "on"]))
                .any(|at| self.is(at, &["between"]))
    }

    /// Whether a column has its name from the query, which may have made a number of it, or is compared with a text too.
    fn is_named_anew(&self, (_, end): Span) -> bool {
        let Some(name) = self.name(end) else { return false };
        let is_same = |at: usize| self.name(at).is_some_and(|other| other.eq_ignore_ascii_case(name));
        let is_compared = |at: usize| self.is(at, &["=", "==", "in", "is"]);
        (1..self.tokens.len()).filter(|at| is_same(*at)).any(|at| {
            let is_sign = matches!(self.tokens[at - 1], Token::Sign(sign) if sign != ")");
            // `WITH n(id) AS (`
            let is_listed = || {
                let is_list = |at: &usize| self.is(*at, &[","]) || self.name(*at).is_some();
                let end = (at..self.tokens.len()).find(|at| !is_list(at)).unwrap_or(at);
                self.is(end, &[")"])
                    && self.is(end + 1, &["as"])
                    && self.is(end + 2, &["(", "not", "materialized"])
            };
            let is_text_too = is_compared(at + 1)
                && (at + 2..at + 4).any(|at| matches!(self.tokens.get(at), Some(Token::Text)));
            !is_sign && !self.is(at - 1, &BEFORE_COLUMN) || is_listed() || is_text_too
        })
    }

    fn is_text(&self, at: usize) -> bool {
        if let Some(Token::Field(_)) = self.tokens.get(at) {
            return true;
        }
        let is_column = |name: &str| self.columns.iter().any(|column| column.eq_ignore_ascii_case(name));
        self.name(at).is_some_and(is_column) && !self.is(at + 1, &["(", "."])
    }

    /// The column or field that ends here.
    fn text_before(&self, end: usize) -> Option<Span> {
        let is_of = end > 1 && self.is(end - 1, &["."]) && self.name(end - 2).is_some();
        self.is_text(end).then_some((if is_of { end - 2 } else { end }, end))
    }

    /// The column or field that begins here.
    fn text_at(&self, start: usize) -> Option<Span> {
        let is_of = self.name(start).is_some() && self.is(start + 1, &["."]);
        let end = if is_of { start + 2 } else { start };
        self.is_text(end).then_some((start, end))
    }

    fn number(&self, start: usize, with_truth: bool) -> Option<Span> {
        let end = start + usize::from(self.is(start, &["-", "+"]));
        let is_number = matches!(self.tokens.get(end), Some(Token::Number(_)))
            || with_truth && end == start && self.is(end, &["true", "false"]);
        is_number.then_some((start, end))
    }

    fn number_before(&self, end: usize) -> Option<Span> {
        let is_signed = end > 1 && self.is(end - 1, &["-", "+"]) && self.is(end - 2, &BEFORE);
        self.number(if is_signed { end - 1 } else { end }, true).filter(|number| number.1 == end)
    }

    fn cure(&self, text: &str, word: &str, number: Span) -> String {
        let number = self.written(number);
        let is_order = matches!(word, "<" | "<=" | ">" | ">=");
        let cast = cast(&number);
        let cast = format!("`CAST({text} AS {cast}) {word} {number}`");
        match number.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => format!("`{text} {word} '{number}'`, or the word that the records have"),
            false if is_order => cast,
            false => format!("`{text} {word} '{number}'`, or {cast}"),
        }
    }

    fn written(&self, (start, end): Span) -> String {
        let mut written = String::new();
        for at in start..=end {
            let field = |number: &str| self.query.fields.get(number.parse::<usize>().ok()?.checked_sub(1)?);
            let text = match self.tokens.get(at) {
                Some(Token::Word(text) | Token::Number(text) | Token::Sign(text)) => (*text).to_owned(),
                Some(Token::Name(name)) => format!("\"{name}\""),
                Some(Token::Field(number)) => format!(":{}", field(number).map_or(*number, String::as_str)),
                Some(Token::Text) | None => continue,
            };
            let is_close = matches!(&*text, "." | "," | ")") || written.ends_with(['.', '(', '-', '+']);
            if !written.is_empty() && !is_close {
                written.push(' ');
            }
            written.push_str(&text);
        }
        written
    }
}

/// Where the range of a `between` ends.
fn most_end(looked: &Looked<'_>, at: usize) -> Option<usize> {
    let least = looked.number(at + 1, true)?;
    looked.number(least.1 + 2, true).map(|most| most.1)
}

fn cast(number: &str) -> &'static str {
    if number.contains('.') { "REAL" } else { "INTEGER" }
}

/// What a query is made of, without remarks.
fn tokens(sql: &str) -> Vec<Token<'_>> {
    const SIGNS: [&str; 11] = ["->>", "->", "<=", ">=", "<>", "!=", "==", "||", "<<", ">>", "::"];
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let is_digit = |c: char| c.is_ascii_digit();
        let taken = match first {
            '\'' | '"' | '`' => quoted(rest, first).unwrap_or(rest.len()),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '?' => 1 + rest[1..].find(|c: char| !is_digit(c)).unwrap_or(rest.len() - 1),
            c if is_digit(c) || c == '.' && rest[1..].starts_with(is_digit) => {
                rest.find(|c: char| !is_word(c) && c != '.').unwrap_or(rest.len())
            }
            c if is_word(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            other => SIGNS.iter().find(|sign| rest.starts_with(**sign)).map_or(other.len_utf8(), |s| s.len()),
        };
        let (token, after) = rest.split_at(taken);
        let inner = || token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
        match first {
            '\'' => tokens.push(Token::Text),
            '"' | '`' | '[' => tokens.push(Token::Name(inner())),
            '?' => tokens.push(Token::Field(&token[1..])),
            c if c.is_whitespace() || token.starts_with("--") || token.starts_with("/*") => {}
            c if is_digit(c) || c == '.' && token.len() > 1 => tokens.push(Token::Number(token)),
            c if is_word(c) => tokens.push(Token::Word(token)),
            _ => tokens.push(Token::Sign(token)),
        }
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _};

    use super::super::Dialect;
    use super::*;

    fn told(condition: &str) -> Vec<Bare> {
        let sql = if condition.starts_with(['W', 'S']) {
            condition.to_owned()
        } else {
            format!("SELECT id, name FROM v WHERE {condition}")
        };
        let columns = ["id", "name", "active", "a b"].map(str::to_owned);
        bare_numbers(&Query::parse(&sql, Dialect::Sqlite).unwrap(), &columns)
    }

    #[tokio::test]
    async fn a_number_beside_a_text_has_one_result() {
        let mut records = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for made in [
            "CREATE TABLE v (id, name, active, \"a b\")",
            "INSERT INTO v VALUES ('1', 'x', '1', '1'), ('5', 'y', '0', '-7')",
        ] {
            sqlx::query(made).execute(&mut records).await.unwrap();
        }
        for (condition, text, holds, cure) in [
            ("id > 2 AND name = :n", "id > 2", true, "`CAST(id AS INTEGER) > 2`"),
            (
                "name = :n AND (active=1)",
                "active = 1",
                false,
                "`active = '1'`, or `CAST(active AS INTEGER) = 1`",
            ),
            ("v.active != 1 OR name = :n", "v.active != 1", true, "`v.active != '1'`, or"),
            ("name = :n AND -2.5 < \"a b\"", "-2.5 < \"a b\"", true, "`CAST(\"a b\" AS REAL) > -2.5`"),
            ("id NOT IN (1, 2) AND name = :n", "id NOT IN (1, 2)", true, "`id NOT IN ('1', '2')`"),
            ("id BETWEEN 1 AND 9 AND name = :n", "id BETWEEN 1 AND 9", false, "BETWEEN 1 AND 9`"),
            ("active = true AND name = :n", "active = true", false, "`active = 'true'`"),
            ("name = :n AND id IS NOT 3 -- = 4", "id IS NOT 3", true, "`id <> '3'`"),
            ("name = :n AND :total > 100", ":total > 100", true, "`CAST(:total AS INTEGER) > 100`"),
        ] {
            let found = told(condition);
            assert!(found.len() == 1, "{condition}: {found:?}");
            assert_eq!((&*found[0].text, found[0].holds), (text, holds), "{condition}");
            assert!(found[0].cure.contains(cure), "{condition}: {found:?}");
            // What SQLite itself makes of it.
            let count = format!("SELECT count(*) FROM v WHERE {}", text.replace(":total", "'5'"));
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut records).await.unwrap();
            assert_eq!(count, if holds { 2 } else { 0 }, "{condition}");
        }
    }

    #[test]
    fn what_compares_alike_is_not_told() {
        for right in [
            "id > '2' AND name = :n",
            "CAST(id AS INTEGER) > 2 AND name = :n",
            "id + 0 > 2 AND 0 + id > 2 AND +id * 1 = 3",
            "length(name) > 2 AND instr(name, :n) > 0 AND abs(id) = 1",
            "name = 'id = 1' -- id = 1\n AND /* id = 1 */ name = :n",
            "active = 1 OR active = '1'",
            "active IN (1, '1') AND name = :n",
            "active IS TRUE AND id IS NOT NULL",
            "id = 1 || '' AND id = :n + 1",
            "CAST(:total AS REAL) > 100 AND :total + 0 > 100",
            "name = :n ORDER BY id LIMIT 1",
            "other = 1",
            "rowid = 1 AND name ->> 2 > 1",
            "SELECT id FROM (SELECT CAST(id AS INTEGER) AS id FROM v) WHERE id > 2",
            "SELECT id FROM (SELECT CAST(id AS INTEGER) id FROM v) AS s WHERE s.id > 2",
            "SELECT count(*) AS active FROM v GROUP BY name HAVING active > 1",
            "WITH n(name, id) AS (SELECT 1, 2) SELECT id FROM n WHERE id > 1",
            "WITH n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 9) SELECT id FROM n",
            "SELECT id FROM json_each(:n) WHERE id > 1",
        ] {
            assert_eq!(told(right), Vec::new(), "{right}");
        }
    }
}
