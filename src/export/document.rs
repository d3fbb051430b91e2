//! What the body of an export is made by: a template, a ready-made shape, or nothing.

use super::escape::Escape;
use super::render::{RenderError, Template};
use super::shape::Shape;
use super::view::View;

/// What templates call the file that the document was made of.
pub const ORIGINAL_FILE: &str = "original_file";

pub enum Document {
    /// No body.
    None,
    Template {
        template: Box<Template>,
        content_type: String,
    },
    Shape(Shape),
    /// The file that the document was made of.
    Original,
}

impl Document {
    /// The escaping that a content type asks for.
    pub fn escape_for(content_type: &str) -> Escape {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*kind {
            "application/json" => Escape::Json,
            "text/csv" => Escape::Csv { separator: ',' },
            kind if kind.ends_with("+json") => Escape::Json,
            kind if kind.ends_with("/xml") || kind.ends_with("+xml") || kind == "text/html" => Escape::Xml,
            _ => Escape::None,
        }
    }

    /// Its bytes and their type.
    pub fn make(&self, view: &View, context: &minijinja::Value) -> Result<(Vec<u8>, String), RenderError> {
        match self {
            Self::None => Ok((Vec::new(), String::new())),
            Self::Template { template, content_type } => {
                Ok((template.render(context)?.into_bytes(), content_type.clone()))
            }
            Self::Original => {
                let file = context.get_attr(ORIGINAL_FILE)?;
                let bytes = file.as_bytes().unwrap_or_default().to_vec();
                let kind = view.original.as_ref().map(|original| original.content_type.clone());
                Ok((bytes, kind.unwrap_or_default()))
            }
            Self::Shape(shape) => Ok((shape.make(view)?.text.into_bytes(), shape.content_type().to_owned())),
        }
    }
}
