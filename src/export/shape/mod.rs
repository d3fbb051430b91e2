//! Ready-made documents: no template needed.

mod delimited;
mod elements;
mod json;
mod ubl;
mod unfit;
mod xml;

use super::view::View;

pub use delimited::{ANNOTATION_ID, Csv};
pub use json::Json;
pub use ubl::{
    Field, Holds, KINDS, Kind, Made, Mismatch, NEEDED, Ubl, Usable, fields, holds, is_single, is_unit_code,
    rows_of, type_word,
};
pub use unfit::Unfit;
pub use xml::Xml;

pub enum Shape {
    Json(Json),
    Csv(Csv),
    Xml(Xml),
    Ubl(Box<Ubl>),
}

impl Shape {
    /// # Errors
    /// Where the document's data is not what the shape needs.
    pub fn make(&self, view: &View) -> Result<Made, Unfit> {
        let text = match self {
            Self::Json(shape) => shape.make(view)?,
            Self::Csv(shape) => shape.make(view)?,
            Self::Xml(shape) => shape.make(view),
            Self::Ubl(shape) => return shape.make(view),
        };
        Ok(Made { text, warning: None })
    }

    /// What is to be said of a document before it is made.
    ///
    /// # Errors
    /// Where it cannot be made in this shape.
    pub fn look_ahead(&self, view: &View) -> Result<Option<String>, Unfit> {
        match self {
            Self::Xml(_) => Ok(None),
            Self::Json(shape) => shape.make(view).map(|_| None),
            Self::Csv(shape) => shape.lines(view).map(|_| None),
            Self::Ubl(shape) => shape.make(view).map(|made| made.warning),
        }
    }

    /// Whether some documents cannot be made in this shape.
    pub fn may_refuse(&self) -> bool {
        match self {
            Self::Csv(_) | Self::Ubl(_) => true,
            Self::Json(shape) => !shape.numbers.is_empty(),
            Self::Xml(_) => false,
        }
    }

    /// Whether its messages name a field, so that they need its label.
    pub fn names(&self, id: &str) -> bool {
        matches!(self, Self::Ubl(shape) if shape.reads(id))
    }

    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Csv(_) => "text/csv; charset=utf-8",
            Self::Xml(_) | Self::Ubl(_) => "application/xml",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::{Map, Value, json};

    use super::super::escape::Escape;
    use super::super::odd;
    use super::super::render::Template;
    use super::*;

    /// What breaks formats: their own signs, white space, controls, marks of direction, ends of blocks.
    const PIECES: [&str; 40] = [
        "a",
        "1",
        "-1.50",
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\"",
        "'",
        ",",
        ";",
        "|",
        "<",
        ">",
        "&",
        "&amp;",
        "]]>",
        "<![CDATA[",
        "<!--",
        "=1+1",
        "@cmd",
        "+1",
        "\\",
        "\\u0041",
        "/",
        "{{ x }}",
        "{% raw %}",
        "\0",
        "\u{1}",
        "\u{1f}",
        "\u{7f}",
        "\u{85}",
        "\u{200f}",
        "\u{202e}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "žluťoučký 🦀",
    ];

    fn nasty(number: u64) -> String {
        odd::text(&PIECES, 7, number)
    }

    fn view(number: u64) -> View {
        let text = |at: u64| Value::String(nasty(number * 10 + at));
        let row = |at: u64| {
            Value::Object(Map::from_iter([("x".to_owned(), text(at)), ("y".to_owned(), text(at + 1))]))
        };
        let rows = vec![row(2), row(4)];
        let field = Map::from_iter([
            ("document_id".to_owned(), text(0)),
            ("sender_name".to_owned(), text(1)),
            ("line_items".to_owned(), Value::Array(rows.clone())),
        ]);
        View {
            field,
            line_items: rows,
            annotation_id: "7".to_owned(),
            labels: HashMap::new(),
            lists: HashMap::new(),
            payload: Value::Null.into(),
            original: None,
        }
    }

    /// A document that UBL takes, whatever its texts are.
    fn ubl(view: &View) -> Result<String, Unfit> {
        let mut view = View { annotation_id: "7".to_owned(), ..serde_json::from_value(json!(view)).unwrap() };
        let header = json!({
            "date_issue": "2026-11-05", "currency": "eur", "sender_name": "a", "recipient_name": "b",
            "amount_total": "2", "notes": view.text("sender_name"),
        });
        view.field.extend(header.as_object().unwrap().clone());
        for row in view.field["line_items"].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().insert("item_total_base".to_owned(), "1".into());
        }
        let fields =
            [("line_name", "x"), ("line_code", "y")].map(|(word, id)| (word.to_owned(), id.to_owned()));
        Shape::Ubl(Box::new(Ubl { fields: fields.into(), ..Ubl::default() }))
            .make(&view)
            .map(|made| made.text)
    }

    /// XML cannot hold some characters at all.
    fn in_xml(text: &str) -> String {
        let held = |c: char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
        text.chars().map(|c| if held(c) { c } else { '\u{fffd}' }).collect()
    }

    fn rows(text: &str, separator: u8) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader =
            reader.delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn whatever_is_in_a_field_parses_back_to_it() {
        let mut refused = 0;
        for number in 0..3_000 {
            let view = view(number);
            let cells =
                |row: &Value| [row["x"].as_str().unwrap().to_owned(), row["y"].as_str().unwrap().to_owned()];

            let json: Value = serde_json::from_str(&Json::default().make(&view).unwrap()).unwrap();
            assert_eq!(json["document_id"], view.field["document_id"], "{number}");
            assert_eq!(json["line_items"], view.field["line_items"], "{number}");

            let columns = ["document_id", "x", "y"].map(str::to_owned).to_vec();
            let shape =
                Csv { columns, table: None, separator: ';', joined_by: "|".into(), guards_formulas: false };
            let read = rows(&shape.make(&view).unwrap(), b';');
            assert_eq!(read[0], ["document_id", "x", "y"]);
            for (row, read) in view.line_items.iter().zip(&read[1..]) {
                let [x, y] = cells(row);
                assert_eq!(*read, [view.text("document_id").to_owned(), x, y], "{number}");
            }
            assert_eq!(read.len(), 3, "{number}");

            let xml = Xml { root: "document".to_owned() }.make(&view);
            let read =
                roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{number}: {error}\n{xml}"));
            let texts = |name: &str| -> Vec<String> {
                let found = read.descendants().filter(|node| node.has_tag_name(name));
                found.map(|node| node.text().unwrap_or_default().to_owned()).collect()
            };
            assert_eq!(texts("sender_name"), [in_xml(view.text("sender_name"))], "{number}");
            let expected: Vec<_> = view.line_items.iter().map(|row| in_xml(&cells(row)[0])).collect();
            assert_eq!(texts("x"), expected, "{number}");

            let id = view.text("document_id").trim();
            let named = |row: &Value| cells(row).iter().any(|text| !text.trim().is_empty());
            let ubl = match ubl(&view) {
                Ok(ubl) => ubl,
                Err(unfit) => {
                    let unfit = unfit.to_string();
                    let empty = id.is_empty() && unfit.contains("Document number (`document_id`) is empty");
                    let unnamed =
                        !view.line_items.iter().all(named) && unfit.contains("Description (`x`) is empty");
                    assert!(empty || unnamed, "{number}: {unfit}");
                    refused += 1;
                    continue;
                }
            };
            let read =
                roxmltree::Document::parse(&ubl).unwrap_or_else(|error| panic!("{number}: {error}\n{ubl}"));
            let text = |name: &str| {
                let found = read.root_element().children().find(|node| node.tag_name().name() == name);
                found.and_then(|node| node.text()).unwrap_or_default()
            };
            assert_eq!(text("ID"), in_xml(id), "{number}");
            assert_eq!(text("Note"), in_xml(view.text("sender_name").trim()), "{number}");
        }
        assert!((1..1_500).contains(&refused), "{refused}");
    }

    #[test]
    fn whatever_is_in_a_field_parses_back_from_templates() {
        let template = |source: &str, escape| Template::new(source, escape).unwrap();
        let xml = template("<a b=\"{{ field.document_id }}\">{{ field.document_id }}</a>", Escape::Xml);
        let json = template("{\"a\": \"{{ field.document_id }}\"}", Escape::Json);
        let csv =
            template("{{ field.document_id }};{{ field.sender_name }};\n", Escape::Csv { separator: ';' });
        for number in 0..3_000 {
            let view = view(number);
            let context =
                minijinja::context! { field => minijinja::Value::from(minijinja::value::Serde(&view.field)) };
            let [id, name] = ["document_id", "sender_name"].map(|field| view.text(field));
            let text = xml.render(&context).unwrap();
            let read =
                roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{number}: {error}\n{text}"));
            let root = read.root_element();
            assert_eq!(root.attribute("b").unwrap(), in_xml(id), "{number}");
            assert_eq!(root.text().unwrap_or_default(), in_xml(id), "{number}");
            let read: Value = serde_json::from_str(&json.render(&context).unwrap()).unwrap();
            assert_eq!(read["a"], id, "{number}");
            assert_eq!(rows(&csv.render(&context).unwrap(), b';')[0], [id, name, ""], "{number}");
        }
    }
}
