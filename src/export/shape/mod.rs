//! Ready-made documents: no template needed.

mod delimited;
mod elements;
mod json;
mod ubl;
mod xml;

use super::view::View;

pub use delimited::Csv;
pub use json::Json;
pub use ubl::{FIELDS, Ubl};
pub use xml::Xml;

pub enum Shape {
    Json(Json),
    Csv(Csv),
    Xml(Xml),
    Ubl(Ubl),
}

impl Shape {
    pub fn make(&self, view: &View) -> String {
        match self {
            Self::Json(shape) => shape.make(view),
            Self::Csv(shape) => shape.make(view),
            Self::Xml(shape) => shape.make(view),
            Self::Ubl(shape) => shape.make(view),
        }
    }

    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Csv(_) => "text/csv; charset=utf-8",
            Self::Xml(_) | Self::Ubl(_) => "application/xml",
        }
    }
}
