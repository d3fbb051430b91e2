//! docs/tutorial.md: its console commands run word by word, one after the other, in an empty environment; what is shown below
//! each is what it prints; its toml is appended where the page says so. A `…` of the page stands for anything.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{free_port, write};

/// What stands in `PATH` beside the folder of annex.
const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

const LONG: Duration = Duration::from_secs(30);

/// Ends the server also where an assertion fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Reader {
    home: PathBuf,
    folder: PathBuf,
    port: u16,
    inspector: u16,
    server: Option<Server>,
}

impl Reader {
    fn shell(&self, line: &str) -> Command {
        let annex = Path::new(env!("CARGO_BIN_EXE_annex")).parent().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.folder).env_clear().stdin(Stdio::null());
        command.env("PATH", format!("{}:{SYSTEM}", annex.display())).env("HOME", &self.home);
        command
    }

    /// The ports of dev mode are the same for all who run tests here, so that the page's are exchanged.
    fn own_ports(&self, text: &str) -> String {
        let text = text.replace("127.0.0.1:5042", &format!("127.0.0.1:{}", self.port));
        text.replace("127.0.0.1:5043", &format!("127.0.0.1:{}", self.inspector))
    }

    fn run(&mut self, line: &str) -> String {
        if let Some(folder) = line.strip_prefix("cd ") {
            self.folder.push(folder);
            return String::new();
        }
        if line == "annex --dev-http" {
            return self.serve();
        }
        let done = self.shell(&self.own_ports(line)).output().unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(done.status.success(), "$ {line}\n{said}");
        said
    }

    fn serve(&mut self) -> String {
        let line = format!("exec annex --dev-http {} --inspector 127.0.0.1:{}", self.port, self.inspector);
        let mut child = self.shell(&line).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        self.server = Some(Server(child));
        let mut banner = String::new();
        while out.read_line(&mut banner).unwrap() > 0 && !banner.ends_with("\n\n") {}
        // It is read on: a server whose output nobody takes would wait.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        banner
    }
}

/// Whether a text has the pieces of a line of the page, in their order, and nothing but what `…` stands for between them.
fn is_like(shown: &str, line: &str) -> bool {
    let pieces: Vec<&str> = shown.split('…').collect();
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return false };
    if pieces.len() == 1 {
        return shown == line;
    }
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in &pieces[1..pieces.len() - 1] {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Where what is printed differs from the lines that the page shows: these stand one below the other; a `…` alone leaves some out.
fn difference(shown: &[String], said: &str) -> Option<String> {
    let mut lines = said.lines().filter(|line| !line.is_empty()).peekable();
    let mut may_skip = false;
    for expected in shown {
        if expected.trim() == "…" {
            may_skip = true;
            continue;
        }
        while may_skip && lines.peek().is_some_and(|line| !is_like(expected, line)) {
            lines.next();
        }
        may_skip = false;
        let line = lines.next();
        if !line.is_some_and(|line| is_like(expected, line)) {
            return Some(format!("shown: {expected}\nfound: {line:?}\nof:\n{said}"));
        }
    }
    let is_whole = shown.is_empty() || may_skip || lines.next().is_none();
    (!is_whole).then(|| format!("prints more:\n{said}"))
}

#[test]
fn each_command_of_the_tutorial_prints_what_the_page_shows() {
    let page = std::fs::read_to_string("docs/tutorial.md").unwrap();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_owned();
    let mut reader =
        Reader { home: folder.clone(), folder, port: free_port(), inspector: free_port(), server: None };
    let (mut count, mut is_changed) = (0, false);
    for block in page.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap();
        if kind == "toml" {
            let file = reader.folder.join("annex.toml");
            let before = std::fs::read_to_string(&file).unwrap();
            write(&file, &format!("{before}\n{text}\n"));
            is_changed = true;
        }
        if kind != "console" {
            continue;
        }
        for part in format!("\n{text}").split("\n$ ").skip(1) {
            let mut lines = part.lines();
            let command = lines.next().unwrap();
            let shown: Vec<String> = lines.map(|line| reader.own_ports(line)).collect();
            let begun = Instant::now();
            loop {
                let said = reader.run(command);
                let Some(difference) = difference(&shown, &said) else { break };
                // The running server takes a saved file soon.
                let may_come = is_changed && command.starts_with("annex send --new-id");
                assert!(may_come && begun.elapsed() < LONG, "$ {command}\n{difference}");
                std::thread::sleep(Duration::from_millis(200));
            }
            count += 1;
        }
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn a_page_that_shows_something_else_is_found() {
    let good = |shown: &str, said: &str| {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        difference(&shown, said).is_none()
    };
    assert!(good("200 OK in … ms\n…\nc", "200 OK in 1.5 ms\na\nb\nc"));
    assert!(good("a\n…", "a\nb"));
    assert!(!good("a", "a\nb") && !good("a\nc", "a\nb\nc") && !good("… x", "1 y") && !good("a\nb", "a"));
}
