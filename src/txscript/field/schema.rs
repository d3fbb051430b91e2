//! A queue's schema: which fields there are, of which types, and what contains what (API reference: "Schema").

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::rossum::{Annotation, Category};
use crate::trees;

/// What a field's value is to code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    Text,
    Number,
    Date,
    Boolean,
    /// A button, or a section: no value.
    Nothing,
}

impl FieldType {
    /// By the schema's word for it.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "string" => Self::Text,
            "number" => Self::Number,
            "date" => Self::Date,
            "boolean" => Self::Boolean,
            "button" => Self::Nothing,
            _ => return None,
        })
    }
}

pub(crate) struct Field {
    pub(crate) id: Box<str>,
    pub(crate) category: Category,
    pub(crate) kind: FieldType,
    pub(crate) parent: Option<usize>,
    pub(crate) children: Vec<usize>,
    /// Everything that the schema says of it, without its children.
    pub(crate) raw: Map<String, Json>,
}

/// All fields of a schema.
#[derive(Default)]
pub struct Schema {
    pub(crate) fields: Vec<Field>,
    index: hashbrown::HashMap<Box<str>, usize>,
    /// Whether it has every field that the queue has.
    is_whole: bool,
}

/// Why something is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is no JSON, or too much of it.
    #[error("{0}")]
    Unread(String),
    #[error("it has no list of sections: a schema as the API returns it has them in `content`")]
    NoContent,
    #[error("a field at {0} has no `id`, or an unknown `category`")]
    Field(String),
    #[error("the id `{0}` occurs twice")]
    Twice(String),
    #[error("fields are nested too deeply")]
    TooDeep,
}

/// Bytes of a schema as a tree.
const LARGEST: usize = 64 << 20;

/// Sections, multivalues, tuples, datapoints: Rossum knows no more levels.
const LEVELS: usize = 8;

impl Schema {
    /// Reads a schema as the API returns it, the list of its sections, or the list that a delivery carries.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let json: Json = trees::read(text.as_bytes(), LARGEST)
            .map_err(|unread| SchemaError::Unread(unread.to_string()))?;
        Self::of(&json)
    }

    /// How people call the fields: schema ids and labels.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|field| Some((&*field.id, field.raw.get("label")?.as_str()?)))
    }

    fn of(json: &Json) -> Result<Self, SchemaError> {
        let content = match json {
            Json::Object(schema) => schema.get("content").and_then(Json::as_array),
            Json::Array(list) => match list.first().and_then(|first| first.get("content")) {
                Some(content) => content.as_array(),
                None => Some(list),
            },
            _ => None,
        };
        let mut schema = Self { fields: Vec::new(), index: hashbrown::HashMap::new(), is_whole: true };
        for (at, node) in content.ok_or(SchemaError::NoContent)?.iter().enumerate() {
            schema.add(node, None, &format!("content[{at}]"), LEVELS)?;
        }
        Ok(schema)
    }

    fn add(
        &mut self,
        node: &Json,
        parent: Option<usize>,
        path: &str,
        levels: usize,
    ) -> Result<(), SchemaError> {
        if levels == 0 {
            return Err(SchemaError::TooDeep);
        }
        let text = |key: &str| node.get(key).and_then(Json::as_str);
        let category = match text("category") {
            Some("section") => Some(Category::Section),
            Some("multivalue") => Some(Category::Multivalue),
            Some("tuple") => Some(Category::Tuple),
            Some("datapoint") => Some(Category::Datapoint),
            _ => None,
        };
        let (Some(id), Some(category), Json::Object(map)) = (text("id"), category, node) else {
            return Err(SchemaError::Field(path.to_owned()));
        };
        let kind = match (category, text("type")) {
            (Category::Datapoint, Some("enum")) => {
                FieldType::named(text("enum_value_type").unwrap_or("string")).unwrap_or(FieldType::Text)
            }
            (Category::Datapoint, Some(word)) => FieldType::named(word).unwrap_or(FieldType::Text),
            (Category::Datapoint, None) => FieldType::Text,
            _ => FieldType::Nothing,
        };
        let mut raw = map.clone();
        let children = raw.remove("children");
        let place = self.push(id, category, kind, parent, raw);
        let place = place.ok_or_else(|| SchemaError::Twice(id.to_owned()))?;
        let children = match children {
            Some(Json::Array(list)) => list,
            Some(one @ Json::Object(_)) => vec![one],
            _ => Vec::new(),
        };
        for (at, child) in children.iter().enumerate() {
            self.add(child, Some(place), &format!("{path}.children[{at}]"), levels - 1)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        id: &str,
        category: Category,
        kind: FieldType,
        parent: Option<usize>,
        raw: Map<String, Json>,
    ) -> Option<usize> {
        let place = self.fields.len();
        if self.index.insert(id.into(), place).is_some() {
            return None;
        }
        if let Some(parent) = parent {
            self.fields[parent].children.push(place);
        }
        self.fields.push(Field { id: id.into(), category, kind, parent, children: Vec::new(), raw });
        Some(place)
    }

    /// What the annotation itself shows, with types by schema id; a field without one is text.
    pub fn from_annotation(annotation: &Annotation<'_>, types: &HashMap<String, FieldType>) -> Self {
        let mut schema = Self { fields: Vec::new(), index: hashbrown::HashMap::new(), is_whole: false };
        for node in annotation.nodes() {
            let of = annotation.node(node);
            let parent = annotation.parent(node).map(|parent| annotation.node(parent));
            let parent = parent.and_then(|parent| schema.find(&parent.schema_id));
            let kind = match of.category {
                Category::Datapoint => types.get(&*of.schema_id).copied().unwrap_or(FieldType::Text),
                _ => FieldType::Nothing,
            };
            if !schema.index.contains_key(&*of.schema_id) {
                schema.push(&of.schema_id, of.category, kind, parent, Map::new());
            }
        }
        schema
    }

    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Whether there is a field with this id.
    pub fn has(&self, id: &str) -> bool {
        self.index.contains_key(id)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// All schema ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.id)
    }

    /// The multivalue that a column belongs to, if it is one.
    pub(crate) fn multivalue_of(&self, field: usize) -> Option<usize> {
        let parent = self.fields[field].parent?;
        match self.fields[parent].category {
            Category::Multivalue => Some(parent),
            Category::Tuple => self.fields[parent].parent,
            _ => None,
        }
    }

    /// What a field's value is; `None` where there is no such field.
    pub fn kind_of(&self, id: &str) -> Option<FieldType> {
        self.find(id).map(|field| self.fields[field].kind)
    }

    /// Whether it is a button, which Rossum gives no value.
    pub fn is_button(&self, id: &str) -> bool {
        self.find(id)
            .is_some_and(|field| self.fields[field].raw.get("type").and_then(Json::as_str) == Some("button"))
    }

    /// What there is under this id.
    pub fn category_of(&self, id: &str) -> Option<Category> {
        self.find(id).map(|field| self.fields[field].category)
    }

    /// Whether Rossum computes the field's value itself, so that nobody else can write it.
    pub fn is_computed(&self, id: &str) -> bool {
        let Some(field) = self.find(id) else { return false };
        let raw = &self.fields[field].raw;
        let kind = raw.get("ui_configuration").and_then(|ui| ui.get("type")).and_then(Json::as_str);
        raw.get("formula").and_then(Json::as_str).is_some_and(|code| !code.trim().is_empty())
            || matches!(kind, Some("formula" | "reasoning" | "lookup"))
    }

    /// Characters that the field's value may have at most.
    pub fn longest(&self, id: &str) -> Option<usize> {
        let length = self.fields[self.find(id)?].raw.get("constraints")?.get("length")?;
        let bound = |key| length.get(key).and_then(Json::as_u64);
        bound("max").into_iter().chain(bound("exact")).min().and_then(|most| most.try_into().ok())
    }

    /// The options of an enum; `None` where the field is none.
    pub fn options(&self, id: &str) -> Option<impl Iterator<Item = &str>> {
        let raw = &self.fields[self.find(id)?].raw;
        if raw.get("type").and_then(Json::as_str) != Some("enum") {
            return None;
        }
        let all = raw.get("options").and_then(Json::as_array).into_iter().flatten();
        Some(all.filter_map(|option| option.get("value")?.as_str()))
    }

    /// The values that an enum may have; none where a field is no enum, or has no options of its own.
    pub fn options_of(&self, id: &str) -> Option<Vec<String>> {
        let raw = &self.fields[self.find(id)?].raw;
        if raw.get("type").and_then(Json::as_str) != Some("enum") {
            return None;
        }
        let value = |option: &Json| match option.get("value")? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Some(raw.get("options")?.as_array()?.iter().filter_map(value).collect())
    }

    /// Whether a document may have the field several times, and none at all: it is in a multivalue.
    pub fn is_repeated(&self, id: &str) -> bool {
        self.find(id).is_some_and(|field| self.multivalue_of(field).is_some())
    }

    /// Fields that may have several values outside of tables, each with its multivalue.
    pub fn lists(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ids().filter_map(|id| Some((id, self.repeated_in(id).filter(|_| self.table_of(id).is_none())?)))
    }

    /// The multivalue that a field is in: the table of a column, or the one whose values it is.
    pub fn repeated_in(&self, id: &str) -> Option<&str> {
        let field = self.find(id).filter(|field| self.fields[*field].category == Category::Datapoint)?;
        self.multivalue_of(field).map(|multivalue| &*self.fields[multivalue].id)
    }

    /// The multivalue whose column this schema id is.
    pub fn table_of(&self, id: &str) -> Option<&str> {
        let field = self.find(id).filter(|field| self.fields[*field].category == Category::Datapoint)?;
        let parent = self.fields[field].parent?;
        let table = self.multivalue_of(field).filter(|_| self.fields[parent].category == Category::Tuple)?;
        Some(&self.fields[table].id)
    }

    /// Whether it is a multivalue of tuples.
    pub fn has_rows(&self, id: &str) -> bool {
        let child = self.find(id).filter(|field| self.fields[*field].category == Category::Multivalue);
        let child = child.and_then(|field| self.fields[field].children.first());
        child.is_some_and(|child| self.fields[*child].category == Category::Tuple)
    }

    /// What stands in a multivalue: its tuple, or its one datapoint.
    pub fn child_of(&self, id: &str) -> Option<&str> {
        let child = self.fields[self.find(id)?].children.first()?;
        Some(&self.fields[*child].id)
    }

    /// What something stands in.
    pub fn parent_of(&self, id: &str) -> Option<&str> {
        let parent = self.fields[self.find(id)?].parent?;
        Some(&self.fields[parent].id)
    }

    /// The formulas that fields carry: schema id and code.
    pub fn formulas(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|field| Some((&*field.id, field.raw.get("formula")?.as_str()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"content": [{"category": "section", "id": "s", "children": [
        {"category": "datapoint", "id": "total", "type": "number", "formula": "1 + 1"},
        {"category": "datapoint", "id": "kind", "type": "enum", "enum_value_type": "number"},
        {"category": "multivalue", "id": "line_items", "children": {"category": "tuple", "id": "line_item", "children": [
            {"category": "datapoint", "id": "item_amount", "type": "number"}]}}]}]}"#;

    #[test]
    fn knows_types_tables_and_formulas() {
        let schema = Schema::parse(SCHEMA).unwrap();
        let kind = |id: &str| schema.fields[schema.find(id).unwrap()].kind;
        assert_eq!(kind("total"), FieldType::Number);
        assert_eq!(kind("kind"), FieldType::Number);
        assert_eq!(schema.table_of("item_amount"), Some("line_items"));
        assert_eq!(schema.table_of("total"), None);
        assert_eq!(schema.formulas().collect::<Vec<_>>(), [("total", "1 + 1")]);
    }

    #[test]
    fn says_what_is_no_schema() {
        let error = |text: &str| Schema::parse(text).err().unwrap().to_string();
        assert!(error("{").contains("not JSON"));
        assert!(error("{}").contains("`content`"));
        assert!(error(r#"[{"id": "x"}]"#).contains("content[0]"));
        let twice = r#"[{"id": "x", "category": "section"}, {"id": "x", "category": "section"}]"#;
        assert!(error(twice).contains("twice"));
    }
}
