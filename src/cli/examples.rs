//! Examples in the help of each command.

use clap::Command;

/// Each command by its words, with lines that can be typed.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("", &["annex init", "annex --dev-http", "annex -c annex.toml check"]),
    ("serve", &["annex serve", "annex serve --config /etc/annex/annex.toml --log debug"]),
    ("init", &["annex init", "annex init invoices --step rules --schema schema.json --yes"]),
    (
        "check",
        &[
            "annex check",
            "annex check annex.toml --dev-http",
            "annex check --strict && systemctl restart annex",
        ],
    ),
    ("config", &["annex config reference", "annex config explain server.acme.retry"]),
    ("config schema", &["annex config schema > annex.schema.json"]),
    ("config reference", &["annex config reference"]),
    ("config explain", &["annex config explain server.acme.retry", "annex config explain checks.tolerance"]),
    ("status", &["annex status", "annex status --json"]),
    ("doctor", &["annex doctor", "annex doctor --timeout 30s --json"]),
    ("cert", &["annex cert status"]),
    ("cert status", &["annex cert status --json"]),
    ("cert dns", &["annex cert dns --config annex.toml"]),
    ("cert renew", &["annex cert renew --dry-run", "annex cert renew server"]),
    (
        "send",
        &[
            "annex send --to http://127.0.0.1:5042/invoice_checks",
            "annex send delivery.json --to http://127.0.0.1:5042/checks --new-id",
        ],
    ),
    ("test", &["annex test", "annex test cases --update"]),
    ("eval", &["annex eval 'field.amount_total * 2' --payload delivery.json"]),
    ("data", &["annex data import vendors vendors.csv --key id", "annex data list"]),
    (
        "data import",
        &[
            "annex data import vendors vendors.csv --key id --near name",
            "annex data import vendors - --format jsonl --key id --update < changes.jsonl",
        ],
    ),
    ("data list", &["annex data list --json"]),
    ("data show", &["annex data show vendors --limit 3"]),
    ("data export", &["annex data export vendors > vendors.csv", "annex data export vendors --format jsonl"]),
    ("data drop", &["annex data drop vendors"]),
    ("outbox", &["annex outbox list --only dead"]),
    ("outbox list", &["annex outbox list --only dead"]),
    ("outbox show", &["annex outbox show 3f9c", "annex outbox show 3f9c --body"]),
    ("outbox retry", &["annex outbox retry 3f9c"]),
    ("outbox drop", &["annex outbox drop 3f9c"]),
    ("login", &["annex login --url https://acme.rossum.app --username me@acme.com --life 12h"]),
    ("logout", &["annex logout"]),
    ("hook", &["annex hook list", "annex hook sync --apply"]),
    ("hook create", &["annex hook create Checks --from-config invoice-checks -q 1234"]),
    ("hook list", &["annex hook list"]),
    ("hook change", &["annex hook change 1234 --config-url https://hooks.acme.com/checks"]),
    ("hook sync", &["annex hook sync", "annex hook sync --apply"]),
    ("hook rotate", &["annex hook rotate invoice-checks --wait 10m"]),
    ("hook delete", &["annex hook delete 1234"]),
    ("hook test", &["annex hook test 1234 --payload delivery.json"]),
    ("hook invoke", &["annex hook invoke 1234"]),
    ("hook logs", &["annex hook logs 1234 --limit 5"]),
    ("hook payload", &["annex hook payload 1234 -a 5678 --case invoice-checks"]),
    ("queue", &["annex queue list"]),
    ("queue list", &["annex queue list --json"]),
    ("queue change", &["annex queue change 1234 --schema-content-file schema.json"]),
    ("schema", &["annex schema get 1234 -O schema.json"]),
    ("schema get", &["annex schema get 1234 -O schema.json"]),
    ("schema validate", &["annex schema validate schema.json"]),
    ("schema put", &["annex schema put schema.json --name Invoices"]),
    ("rule", &["annex rule get -q 1234 -O rules.json"]),
    ("rule list", &["annex rule list"]),
    ("rule get", &["annex rule get -q 1234 -O rules.json"]),
    ("secret", &["annex secret new > rossum-secret"]),
    ("secret new", &["annex secret new > rossum-secret"]),
    ("completions", &["annex completions bash > /etc/bash_completion.d/annex"]),
];

fn of(path: &str) -> Option<&'static [&'static str]> {
    EXAMPLES.iter().find(|(known, _)| *known == path).map(|(_, lines)| *lines)
}

/// Adds to each command its examples, behind what its help ends with.
pub(super) fn add(command: Command) -> Command {
    with(command, "")
}

fn with(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |one| with(one, path.trim_start()));
    }
    let Some(lines) = of(path) else { return command };
    let examples = format!("Examples:\n  {}", lines.join("\n  "));
    let text = match command.get_after_help() {
        Some(before) => format!("{examples}\n\n{before}"),
        None => examples,
    };
    command.after_help(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a line up to what the shell takes.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut quote) = (vec![String::new()], None);
        for c in line.split(['>', '<']).next().unwrap().split(" && ").next().unwrap().trim().chars() {
            match (c, quote) {
                (c, Some(q)) if c == q => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (' ', None) => words.push(String::new()),
                (c, _) => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    fn look(command: &Command, path: &str, seen: &mut usize) {
        if !command.is_hide_set() {
            *seen += 1;
            let lines = of(path).unwrap_or_else(|| panic!("annex {path} has no example"));
            let help = command.clone().render_long_help().to_string();
            for line in lines {
                assert!(help.contains(line), "annex {path} --help: {help}");
                let parsed = crate::cli::parsed(words(line).into_iter().map(Into::into).collect());
                assert!(
                    parsed.is_ok(),
                    "{line}: {}",
                    parsed.err().map(|e| e.to_string()).unwrap_or_default()
                );
                assert!(line.contains(path), "{line} is no example of {path}");
            }
        }
        for one in command.get_subcommands() {
            look(one, format!("{path} {}", one.get_name()).trim_start(), seen);
        }
    }

    #[test]
    fn every_command_has_examples_that_are_right() {
        let mut seen = 0;
        look(&crate::cli::command(), "", &mut seen);
        assert_eq!(seen, EXAMPLES.len(), "an example has no command");
    }
}
