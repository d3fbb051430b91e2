//! `[rossum]`: the account, for what steps ask of Rossum's API.

use std::sync::Arc;

use crate::api::Api;
use crate::outbound::Proxy;

use super::secrets::{self, Environment, Maker};
use super::section::Section;
use super::targets;

/// `None` where there is none, or it is wrong, which is noted.
pub(super) fn read(
    root: &Section<'_>,
    proxy: Option<&Proxy>,
    environment: Environment<'_>,
) -> Option<Arc<Api>> {
    let section = root.section("rossum")?;
    let api = account(&section, proxy, environment);
    section.finish();
    api.map(Arc::new)
}

fn account(section: &Section<'_>, proxy: Option<&Proxy>, environment: Environment<'_>) -> Option<Api> {
    let url = section.required_text("url", "\"https://acme.rossum.app\"");
    section.required_text("token", "\"credential:rossum-token\"");
    let token = secrets::read(section, "token", Maker::Other, environment).into_iter().next();
    let uplink = targets::uplink(section, proxy);
    let base = targets::address(section, &url?)?;
    if base.scheme() != "https" && !targets::is_here(&base) {
        let hint = "write `url = \"https://acme.rossum.app\"`";
        section.document().note(section.place_of("url"), "the token must not travel unencrypted", Some(hint));
        return None;
    }
    match Api::new(base, token?, uplink?) {
        Ok(api) => Some(api),
        Err(error) => {
            section.wrong(error.to_string(), "look at `ca`");
            None
        }
    }
}
