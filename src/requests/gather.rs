//! `get_content`: what belongs to the annotation in Rossum, and values that the settings name.

use serde_json::{Map, Value as Json};

use super::call::Run;
use super::failure::Told;
use super::filter::{Filter, Values};
use super::scope::{Absent, Scope, Unfilled};
use super::settings::{Content, Relations, Source};
use super::state::State;
use super::template::{Path, Segment, Template};

impl Run<'_> {
    /// One hit is itself, several are a list, none an empty one.
    pub(super) async fn gather(&self, state: &State, content: &Content) -> Result<Json, Told> {
        let mut found = match &content.source {
            Source::Explicit(texts) => {
                let fill = |scope: &Scope<'_>| texts.iter().map(|text| scope.text(text)).collect();
                self.filled::<Vec<Json>>(state, Absent::IsNull, &Map::new(), fill).await?
            }
            Source::Relations { of, with_content, query } => {
                self.relations(state, *of, *with_content, query).await?
            }
        };
        Ok(if found.len() == 1 { found.remove(0) } else { Json::Array(found) })
    }

    async fn relations(
        &self,
        state: &State,
        of: Relations,
        with_content: bool,
        query: &Filter,
    ) -> Result<Vec<Json>, Told> {
        let api = self.processor.api.as_ref();
        let api = api.ok_or_else(|| Told::final_one("there is no [rossum] to ask".to_owned()))?;
        let what = "what belongs to the document";
        let annotation = &state.annotation;
        let path = match of {
            Relations::Document => format!("document_relations?annotation={annotation}"),
            Relations::Annotation => format!("relations?annotation={annotation}"),
            Relations::Parent => format!("relations?parent={annotation}&type=attachment"),
        };
        let all = api.list(&path, self.deadline).await.map_err(|error| Told::of_api(what, &error))?;
        let mut fitting = Vec::new();
        for mut relation in all {
            let fits = |scope: &Scope<'_>| query.holds(&Within { object: &relation, scope });
            if !self.filled(state, Absent::IsNullUnfetched, &Map::new(), fits).await? {
                continue;
            }
            if of == Relations::Parent
                && let Some(others) = relation.get_mut("annotations").and_then(Json::as_array_mut)
            {
                others.retain(|url| id_of(url) != *annotation);
            }
            fitting.push(relation);
        }
        if !with_content {
            return Ok(fitting);
        }
        let mut found = Vec::new();
        for relation in fitting {
            let key = if of == Relations::Document { "documents" } else { "annotations" };
            for url in relation[key].as_array().into_iter().flatten().filter_map(Json::as_str) {
                let object =
                    api.object(url, self.deadline).await.map_err(|error| Told::of_api(what, &error))?;
                if of == Relations::Document {
                    found.push(object);
                    continue;
                }
                let mut entry = relation.as_object().cloned().unwrap_or_default();
                if let Some(url) = object["document"].as_str() {
                    let document = api.object(url, self.deadline).await;
                    let document = document.map_err(|error| Told::of_api(what, &error))?;
                    entry.insert("content".to_owned(), document["content"].clone());
                    entry.insert("document".to_owned(), document);
                }
                entry.insert("annotation".to_owned(), object);
                found.push(Json::Object(entry));
            }
        }
        Ok(found)
    }
}

/// The number at the end of a URL.
fn id_of(url: &Json) -> &str {
    url.as_str().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// A query over a relation: paths are its own.
struct Within<'w, 's> {
    object: &'w Json,
    scope: &'w Scope<'s>,
}

impl Values for Within<'_, '_> {
    fn find(&self, path: &Path) -> Result<Option<Json>, Unfilled> {
        let mut value = self.object;
        for segment in &path.segments {
            let next = match segment {
                Segment::Key(key) => value.get(key.as_str()),
                Segment::Index(index) => usize::try_from(*index).ok().and_then(|index| value.get(index)),
                Segment::Fetch => Some(value),
            };
            let Some(next) = next else { return Ok(None) };
            value = next;
        }
        Ok(Some(value.clone()))
    }

    fn fill(&self, template: &Template) -> Result<Json, Unfilled> {
        self.scope.fill(template)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_ends_its_url() {
        assert_eq!(id_of(&json!("https://acme.rossum.app/api/v1/annotations/17/")), "17");
        assert_eq!(id_of(&json!(null)), "");
    }
}
