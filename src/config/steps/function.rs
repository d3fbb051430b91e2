//! `use = "function"`.

use crate::steps::Step;
use crate::steps::function::Function;
use crate::txscript::Script;

use super::super::section::Section;
use super::scripts;

pub(super) fn read(section: &Section<'_>) -> Option<Box<dyn Step>> {
    let schemas = scripts::schemas(section);
    let limits = scripts::limits(section);
    let path = section.required_text("file", "\"function.py\"")?;
    let place = path.span();
    let code = scripts::read_file(section, path.get_ref(), place.clone())?;
    let script = Script::function(path.get_ref(), &code);
    let script = scripts::compiled(section, place, path.get_ref(), script, schemas.file.as_deref())?;
    Some(Box::new(Function { script, schemas, limits }))
}
