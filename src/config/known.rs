//! What a file declares beside its hooks. It is read before the first hook, whose steps name it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::api::Api;
use crate::data::Watched;
use crate::database::Database;
use crate::export::Target;
use crate::outbound::Proxy;

use super::columns::Tables;
use super::secrets::Environment;
use super::section::Section;
use super::{api, databases, datasets, targets};
use crate::steps::nearest::nearest;

/// What steps may name, and what their names are checked against.
pub(super) struct Known {
    pub(super) datasets: Vec<Watched>,
    /// What is in them, as far as it is known.
    pub(super) tables: Tables,
    pub(super) api: Option<Arc<Api>>,
    /// Whether there is a section for the API: what is wrong in it is noted there.
    pub(super) names_api: bool,
    /// What outgoing calls go through.
    pub(super) proxy: Option<Proxy>,
    /// By name; `None` where the configuration of one is wrong.
    targets: HashMap<String, Option<Arc<Target>>>,
    databases: HashMap<String, Option<Arc<Database>>>,
}

impl Known {
    pub(super) fn read(
        root: &Section<'_>,
        state: &Path,
        proxy: Option<Proxy>,
        environment: Environment<'_>,
    ) -> Self {
        let datasets = datasets::read_all(root);
        Self {
            tables: Tables::new(state, &datasets),
            datasets,
            api: api::read(root, proxy.as_ref(), environment),
            names_api: root.has("rossum"),
            targets: targets::read_all(root, proxy.as_ref(), environment),
            databases: databases::read_all(root, environment),
            proxy,
        }
    }

    /// The target that a step names.
    pub(super) fn target(&self, section: &Section<'_>) -> Option<Arc<Target>> {
        let name = section.required_text("target", "\"erp\", the name of a `[[target]]`")?;
        let found = self.targets.get(*name.get_ref());
        if found.is_none() {
            let names = self.targets.keys().map(String::as_str);
            let hint = nearest(name.get_ref(), names).map_or_else(
                || "add `[[target]]` with this `name`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let what = format!("there is no target `{}`", name.get_ref());
            section.document().note(name.span(), what, Some(hint));
        }
        found?.clone()
    }

    /// The database that a step names, where it does.
    pub(super) fn database(&self, section: &Section<'_>) -> Option<Arc<Database>> {
        let name = section.text("database")?;
        let Some(database) = self.databases.get(*name.get_ref()) else {
            let what = format!("there is no database `{}`", name.get_ref());
            let mut names: Vec<&str> = self.databases.keys().map(String::as_str).collect();
            names.sort_unstable();
            let hint = if names.is_empty() {
                "declare it: `[[database]]` with `name` and `url`".to_owned()
            } else {
                format!("declared are: {}", names.join(", "))
            };
            section.document().note(name.span(), what, Some(hint));
            return None;
        };
        database.clone()
    }

    /// All databases, by name.
    pub(super) fn databases(&self) -> Vec<Arc<Database>> {
        let mut all: Vec<_> = self.databases.values().flatten().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}
