//! One call of an export: what is sent, when, and what its answer means.

use minijinja::Value;
use serde::{Deserialize, Serialize};

use super::document::{Document, ORIGINAL_FILE};
use super::render::{RenderError, Template};
use super::verdict::Verdicts;
use super::view::View;

/// A call as configured.
pub struct Call {
    /// Names it in messages, and its answer in the templates of later calls.
    pub name: String,
    pub method: reqwest::Method,
    /// Behind the target's URL, or the file's name in its folder.
    pub path: Template,
    pub headers: Vec<(String, Template)>,
    pub document: Document,
    /// The file's part of a form, where the call is `multipart/form-data`; other parts with their texts.
    pub multipart: Option<(String, Vec<(String, Template)>)>,
    /// The call is left out where this gives nothing, `false` or `0`.
    pub condition: Option<Template>,
    pub verdicts: Verdicts,
    /// Fields, and the JSON pointer into the answer that each is filled from.
    pub write: Vec<(String, String)>,
}

/// What is sent: rendered once, and the same however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub parts: Vec<Part>,
    /// The name of the body's part, where it is sent as a form.
    pub file_part: Option<String>,
    pub content_type: String,
    /// The file's name in a form, where it has one of its own.
    #[serde(default)]
    pub file_name: Option<String>,
    /// Apart from the rest, so that it is stored as it is.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub text: String,
}

impl Call {
    /// As messages name it. One without a name of its own is `call 1` already.
    pub fn title(&self) -> String {
        if self.name.starts_with("call ") { self.name.clone() } else { format!("call {}", self.name) }
    }

    /// Every template of it.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let parts = self.multipart.iter().flat_map(|(_, parts)| parts).map(|(_, template)| template);
        let document = match &self.document {
            Document::Template { template, .. } => Some(&**template),
            _ => None,
        };
        let headers = self.headers.iter().map(|(_, template)| template);
        [&self.path].into_iter().chain(headers).chain(parts).chain(document).chain(&self.condition)
    }

    /// Whether it sends the file that the document was made of.
    pub fn needs_original(&self) -> bool {
        matches!(self.document, Document::Original)
            || self.templates().any(|template| template.reads(ORIGINAL_FILE))
    }

    /// Whether its document cannot be made of some data.
    pub fn may_refuse(&self) -> bool {
        matches!(&self.document, Document::Shape(shape) if shape.may_refuse())
    }

    /// Whether its messages name a field of the document, so that they need its label.
    pub fn names(&self, id: &str) -> bool {
        matches!(&self.document, Document::Shape(shape) if shape.names(id))
    }

    fn is_left_out(&self, context: &Value) -> Result<bool, RenderError> {
        let Some(condition) = &self.condition else { return Ok(false) };
        let text = condition.render(context)?;
        Ok(matches!(&*text.trim().to_ascii_lowercase(), "" | "false" | "0"))
    }

    /// What is to be said of its document before anything is sent, which cannot be taken back. A call that depends on answers
    /// cannot be known yet.
    ///
    /// # Errors
    /// Where its document cannot be made.
    pub fn look_ahead(&self, view: &View, context: &Value) -> Result<Option<String>, RenderError> {
        let Document::Shape(shape) = &self.document else { return Ok(None) };
        let depends = self.condition.as_ref().is_some_and(|condition| condition.reads("answers"));
        if !shape.may_refuse() || depends || self.is_left_out(context)? {
            return Ok(None);
        }
        Ok(shape.look_ahead(view)?)
    }

    /// What to send; `None` where its condition says that it is to be left out.
    pub fn request(&self, view: &View, context: &Value) -> Result<Option<Request>, RenderError> {
        if self.is_left_out(context)? {
            return Ok(None);
        }
        let (body, content_type) = self.document.make(view, context)?;
        let headers = self.headers.iter().map(|(name, value)| {
            let value = value.render(context)?;
            // A line break would begin another header.
            Ok((name.clone(), value.replace(|c: char| c.is_control(), " ")))
        });
        let (file_part, parts) = match &self.multipart {
            None => (None, Vec::new()),
            Some((file, parts)) => {
                let part = |(name, text): &(String, Template)| {
                    Ok(Part { name: name.clone(), text: text.render(context)? })
                };
                (Some(file.clone()), parts.iter().map(part).collect::<Result<_, RenderError>>()?)
            }
        };
        Ok(Some(Request {
            method: self.method.to_string(),
            path: self.path.render_path(context)?,
            headers: headers.collect::<Result<_, RenderError>>()?,
            parts,
            file_part,
            content_type,
            file_name: match &self.document {
                Document::Original => view.original.as_ref().map(|original| original.name.clone()),
                _ => None,
            },
            body,
        }))
    }
}
