//! What a file declares beside its hooks. It is read before the first hook, whose steps name it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::api::Api;
use crate::data::Watched;
use crate::database::Database;
use crate::export::Target;
use crate::forward::Service;
use crate::outbound::Proxy;

use super::columns::Tables;
use super::document::{Document, Place};
use super::secrets::Environment;
use super::section::Section;
use super::{api, databases, datasets, targets};
use crate::steps::nearest::nearest;

/// What steps may name, and what their names are checked against.
pub(super) struct Known {
    pub(super) datasets: Vec<Watched>,
    /// Where their names stand.
    dataset_places: Vec<Place>,
    /// What is in them, as far as it is known.
    pub(super) tables: Tables,
    pub(super) api: Option<Arc<Api>>,
    /// Whether there is a section for the API: what is wrong in it is noted there.
    pub(super) names_api: bool,
    /// What outgoing calls go through.
    pub(super) proxy: Option<Proxy>,
    /// By name; `None` where the configuration of one is wrong.
    targets: HashMap<String, (Place, Option<Arc<Target>>)>,
    /// The names of those that steps asked for.
    used: RefCell<HashSet<String>>,
    databases: HashMap<String, (Place, Option<Arc<Database>>)>,
    /// Services that steps forward to, each with its place.
    pub(super) services: RefCell<Vec<(Place, Arc<Service>)>>,
    used_databases: RefCell<HashSet<String>>,
}

impl Known {
    pub(super) fn read(
        root: &Section<'_>,
        state: &Path,
        proxy: Option<Proxy>,
        environment: Environment<'_>,
    ) -> Self {
        let (datasets, dataset_places) = datasets::read_all(root, state);
        Self {
            tables: Tables::new(state, &datasets),
            datasets,
            dataset_places,
            api: api::read(root, proxy.as_ref(), environment),
            names_api: root.has("rossum"),
            targets: targets::read_all(root, proxy.as_ref(), environment),
            used: RefCell::default(),
            databases: databases::read_all(root, environment),
            services: RefCell::default(),
            used_databases: RefCell::default(),
            proxy,
        }
    }

    /// The target that a step names.
    pub(super) fn target(&self, section: &Section<'_>) -> Option<Arc<Target>> {
        let name = section.required_text("target", "\"erp\", the name of a `[[target]]`")?;
        let found = self.targets.get(*name.get_ref());
        self.used.borrow_mut().insert((*name.get_ref()).to_owned());
        if found.is_none() {
            let names = self.targets.keys().map(String::as_str);
            let hint = nearest(name.get_ref(), names).map_or_else(
                || "add `[[target]]` with this `name`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let what = format!("there is no target `{}`", name.get_ref());
            section.document().note(name.span(), what, Some(hint));
        }
        found?.1.clone()
    }

    /// Tells of targets that no step sends to, and of datasets and databases that no step asks, where there are steps.
    pub(super) fn remark_idle(&self, document: &Document<'_>, has_hooks: bool) {
        let used = self.used.borrow();
        let is_idle = |name: &String| !used.contains(name);
        let mut idle: Vec<_> = self.targets.iter().filter(|(name, _)| is_idle(name)).collect();
        idle.sort_unstable_by_key(|(_, (place, _))| place.start);
        for (name, (place, _)) in idle {
            document.remark(place, &format!("no step sends to the target `{name}`"));
        }
        if !has_hooks {
            return;
        }
        for (dataset, place) in self.datasets.iter().zip(&self.dataset_places) {
            if !self.tables.is_asked(&dataset.name) {
                document.remark(place, &format!("no step uses the dataset `{}`", dataset.name));
            }
        }
        let used = self.used_databases.borrow();
        let is_idle = |name: &String| !used.contains(name);
        let mut idle: Vec<_> = self.databases.iter().filter(|(name, _)| is_idle(name)).collect();
        idle.sort_unstable_by_key(|(_, (place, _))| place.start);
        for (name, (place, _)) in idle {
            document.remark(place, &format!("no step uses the database `{name}`"));
        }
    }

    /// The database that a step names, where it does.
    pub(super) fn database(&self, section: &Section<'_>) -> Option<Arc<Database>> {
        let name = section.text("database")?;
        self.used_databases.borrow_mut().insert((*name.get_ref()).to_owned());
        let Some((_, database)) = self.databases.get(*name.get_ref()) else {
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
        let mut all: Vec<_> = self.databases.values().filter_map(|(_, database)| database.clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}
