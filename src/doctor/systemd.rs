//! The service as systemd has it: which ports it holds for Annex, how the service ended, whether its credentials are there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::Config;
use crate::shown::quoted;

use super::Finding;

/// systemd's number for credentials that could not be set up (systemd.exec(5), "Process exit codes").
const CREDENTIALS: &str = "243";

/// `annex.service` and `annex.socket`, where they serve this configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// What `annex.socket` listens on, where it is active.
    sockets: Vec<SocketAddr>,
    /// How the service ended, where it failed: systemd's word and the exit status.
    failed: Option<(String, String)>,
    /// Credentials by their files.
    credentials: Vec<PathBuf>,
    is_active: bool,
}

impl Unit {
    /// Asks `systemctl`. `None` where there is none, no such unit, or one of another configuration.
    pub fn of(config: &Path) -> Option<Self> {
        let properties =
            "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,ExecStart,LoadCredential,Listen";
        let mut command = Command::new("systemctl");
        command.args(["show", "--no-pager", "--property", properties, "annex.service", "annex.socket"]);
        let output = command.output().ok().filter(|output| output.status.success())?;
        let config = std::fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
        Self::read(&String::from_utf8_lossy(&output.stdout), &config)
    }

    /// Reads what `systemctl show` prints: a block for each unit, a line for each property.
    fn read(shown: &str, config: &Path) -> Option<Self> {
        let mut unit = Self::default();
        let mut is_ours = false;
        for block in shown.split("\n\n") {
            let all = |key: &str| {
                let lines = block.lines().filter_map(|line| line.split_once('='));
                lines.filter(|(name, _)| *name == key).map(|(_, value)| value).collect::<Vec<_>>()
            };
            let one = |key: &str| all(key).first().copied().unwrap_or_default();
            match one("Id") {
                "annex.service" => {
                    let words: Vec<&str> = one("ExecStart").split_whitespace().collect();
                    is_ours = words.iter().any(|word| Path::new(word) == config);
                    unit.is_active = one("ActiveState") == "active";
                    let failed = one("ActiveState") == "failed" || one("SubState") == "auto-restart";
                    if failed && !matches!(one("Result"), "" | "success") {
                        unit.failed = Some((one("Result").to_owned(), one("ExecMainStatus").to_owned()));
                    }
                    let files =
                        one("LoadCredential").split_whitespace().filter_map(|one| one.split_once(':'));
                    unit.credentials = files.map(|(_, path)| PathBuf::from(path)).collect();
                }
                "annex.socket" if one("ActiveState") == "active" => {
                    let listens = all("Listen").into_iter().filter_map(|line| line.strip_suffix(" (Stream)"));
                    unit.sockets = listens.filter_map(address).collect();
                }
                _ => {}
            }
        }
        is_ours.then_some(unit)
    }

    /// Whether systemd has this port open for the service.
    pub(super) fn holds(&self, address: SocketAddr) -> bool {
        self.sockets.iter().any(|socket| {
            socket.port() == address.port() && (socket.ip() == address.ip() || socket.ip().is_unspecified())
        })
    }

    /// Whether the service runs, as systemd sees it.
    pub fn is_active(&self) -> bool {
        self.is_active
    }

    pub(super) fn look(&self, config: &Config, tell: &mut impl FnMut(Finding)) {
        // A credential may stand under a path of systemd's own: only absolute ones are files that can be looked at.
        for path in self.credentials.iter().filter(|path| path.is_absolute()) {
            if let Err(error) = std::fs::metadata(path) {
                let shown = path.to_string_lossy();
                tell(Finding::bad(
                    format!("annex.service cannot start: its credential {shown}: {error}"),
                    format!(
                        "a hook's secret: (umask 077 && annex secret new > {0}); a password or token: (umask 077 && cat > {0}), \
                         paste what the other system gave you, Ctrl-D; or take it out of LoadCredential: systemctl edit annex",
                        quoted(&shown)
                    ),
                ));
            }
        }
        if let Some((result, status)) = &self.failed {
            let what = if status == CREDENTIALS { "243, CREDENTIALS" } else { status };
            tell(Finding::bad(
                format!("annex.service failed: {result} (status {what})"),
                "its log shows why: journalctl -u annex -n 20",
            ));
        }
        if self.sockets.is_empty() {
            return;
        }
        let wanted = [("https", Some(config.server.https)), ("http", config.server.http)];
        for (key, address) in wanted.into_iter().filter_map(|(key, address)| Some((key, address?))) {
            if !self.holds(address) {
                let sockets: Vec<String> = self.sockets.iter().map(ToString::to_string).collect();
                tell(Finding::bad(
                    format!(
                        "annex.socket opens {}, but not {address}, the value of `{key}`: the service has no permission to open it itself",
                        sockets.join(", ")
                    ),
                    drop_in(config),
                ));
            }
        }
    }
}

/// The lines that have `annex.socket` listen where the configuration says.
fn drop_in(config: &Config) -> String {
    let addresses = [Some(config.server.https), config.server.http].into_iter().flatten();
    let lines: Vec<String> = addresses.map(|address| format!("ListenStream={address}")).collect();
    format!(
        "systemctl edit annex.socket, write the lines: [Socket] | ListenStream= | {}; then: systemctl restart annex.socket annex",
        lines.join(" | ")
    )
}

/// An address as systemd writes it: `[::]:443`, `0.0.0.0:80`, `443` or `*:443` for every one.
fn address(text: &str) -> Option<SocketAddr> {
    let port = text.strip_prefix("*:").unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SHOWN: &str = "Id=annex.service\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=243\n\
        ExecStart={ path=/usr/bin/annex ; argv[]=/usr/bin/annex serve --config /etc/annex/annex.toml ; ignore_errors=no ; start_time=[n/a] }\n\
        LoadCredential=rossum-secret:/etc/annex/rossum-secret token:/etc/annex/token\n\n\
        Id=annex.socket\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nListen=[::]:443 (Stream)\nListen=0.0.0.0:80 (Stream)\n";

    #[test]
    fn a_unit_is_read_where_it_serves_this_configuration() {
        let unit = Unit::read(SHOWN, Path::new("/etc/annex/annex.toml")).unwrap();
        assert_eq!(unit.failed, Some(("exit-code".to_owned(), "243".to_owned())));
        assert_eq!(unit.credentials.len(), 2);
        for (address, held) in
            [("[::]:443", true), ("127.0.0.1:443", true), ("0.0.0.0:80", true), ("[::]:8443", false)]
        {
            assert_eq!(unit.holds(address.parse().unwrap()), held, "{address}");
        }
        assert_eq!(Unit::read(SHOWN, Path::new("/home/me/annex.toml")), None);
        assert_eq!(Unit::read("", Path::new("/etc/annex/annex.toml")), None);
    }

    #[test]
    fn a_service_that_runs_has_not_failed() {
        let shown = SHOWN.replace("activating", "active").replace("auto-restart", "running");
        let unit = Unit::read(&shown, Path::new("/etc/annex/annex.toml")).unwrap();
        assert!(unit.is_active() && unit.failed.is_none());
    }

    #[test]
    fn addresses_are_read_as_systemd_writes_them() {
        let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 443);
        assert_eq!([address("443"), address("*:443"), address("[::]:443")], [Some(any); 3]);
        assert_eq!(address("0.0.0.0:80"), Some((Ipv4Addr::UNSPECIFIED, 80).into()));
        assert_eq!(address("/run/annex.sock"), None);
    }
}
