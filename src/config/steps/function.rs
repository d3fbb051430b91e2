//! `use = "function"`.

use crate::steps::Blueprint;
use crate::steps::function::Function;
use crate::txscript::Script;

use super::super::known::Known;
use super::super::section::Section;
use super::scripts::{self, Code};

pub(super) fn read(section: &Section<'_>, _: &Known) -> Option<Box<dyn Blueprint>> {
    let schemas = scripts::schemas(section);
    let limits = scripts::limits(section);
    let path = section.required_text("file", "\"function.py\"")?;
    let place = path.span();
    let code = scripts::read_file(section, path.get_ref(), place.clone())?;
    let script = Script::function(path.get_ref(), &code);
    let title = (*path.get_ref()).to_owned();
    let file = Some(section.document().resolve(path.get_ref()).display().to_string());
    let checked = Code { section, place, title, file, is_condition: false, queues: None };
    let script = checked.checked_all(script, &code)?;
    scripts::note_constants(&checked, &script, None);
    Some(Box::new(Function { script, schemas, limits }))
}
