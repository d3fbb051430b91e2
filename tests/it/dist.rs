//! What dist/ brings: the files for containers and for a VPS say what their pages say, their configurations pass the check,
//! their commands and ports are Annex's, and the image is one that engines take.

use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode, YamlOwned};
use serde_json::Value;

use crate::readme::blocks;
use crate::support::{annex_command, environment, write};

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
fn yaml(path: &str) -> Vec<YamlOwned> {
    YamlOwned::load_from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Kubernetes' object of this kind.
fn object(kind: &str) -> YamlOwned {
    let found = yaml("dist/kubernetes/annex.yaml").into_iter().find(|one| one["kind"].as_str() == Some(kind));
    found.unwrap_or_else(|| panic!("dist/kubernetes/annex.yaml has no {kind}"))
}

fn pod() -> YamlOwned {
    object("Deployment")["spec"]["template"]["spec"].clone()
}

/// The configuration that cloud-init writes, and the program that it runs.
fn user_data() -> (String, String) {
    let data = &yaml("dist/vps/user-data.yaml")[0];
    let text = |path: &str| {
        let files = data["write_files"].as_vec().unwrap();
        let file = files.iter().find(|file| file["path"].as_str() == Some(path));
        file.unwrap()["content"].as_str().unwrap().to_owned()
    };
    let program = data["runcmd"][0][0].as_str().unwrap();
    (text("/etc/annex/annex.toml"), text(program))
}

#[test]
fn every_configuration_of_dist_passes_the_check() {
    let (of_a_vps, _) = user_data();
    for (name, config) in [
        ("compose", read("dist/compose/annex.toml")),
        ("kubernetes", read("dist/kubernetes/annex.toml")),
        ("user data", of_a_vps),
    ] {
        let folder = tempfile::tempdir().unwrap();
        // Whoever takes it writes a name of their own.
        let config = config.replace("hooks.example.com", "hooks.my-company.com");
        write(&folder.path().join("annex.toml"), &config);
        write(&folder.path().join("rossum-secret"), "a secret of more than sixteen bytes");
        let mut command = annex_command();
        command.args(["check", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("CREDENTIALS_DIRECTORY", folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn blocks_of_the_pages_stand_in_the_files() {
    let files: Vec<String> =
        ["compose/compose.yaml", "kubernetes/annex.yaml", "kubernetes/kustomization.yaml"]
            .iter()
            .chain(&["vps/user-data.yaml"])
            .map(|name| read(&format!("dist/{name}")))
            .collect();
    let mut count = 0;
    for page in ["docs/containers.md", "docs/vps.md"] {
        for block in blocks(&read(page), "yaml") {
            count += 1;
            assert!(
                files.iter().any(|file| file.contains(block)),
                "{page} quotes what no file has:\n{block}"
            );
        }
    }
    assert!(count >= 4, "{count}");
}

/// Whether the binary knows a command line, up to its end.
fn is_known(words: &[&str]) -> bool {
    annex_command().args(words).arg("--help").output().unwrap().status.success()
}

#[test]
fn commands_of_the_pod_and_of_the_image_are_known() {
    let pod = pod();
    let container = &pod["containers"][0];
    let arguments: Vec<&str> =
        container["args"].as_vec().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(is_known(&arguments), "{arguments:?}");
    assert!(!is_known(&["serve", "--no-such-flag"]), "the test sees what is wrong");
    let folder = tempfile::tempdir().unwrap();
    let config = &image(folder.path(), "one")["config"];
    for line in [&config["Cmd"], &config["Healthcheck"]["Test"]] {
        let words: Vec<&str> = line.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let words = words.strip_prefix(&["CMD", "/usr/bin/annex"]).unwrap_or(&words);
        assert!(is_known(words), "{words:?}");
    }
}

#[test]
fn ports_names_and_folders_of_the_pod_are_those_of_its_configuration() {
    let (pod, service) = (pod(), object("Service"));
    let container = &pod["containers"][0];
    let ports = container["ports"].as_vec().unwrap();
    let port = |name: &str| {
        let found = ports.iter().find(|port| port["name"].as_str() == Some(name));
        found.unwrap_or_else(|| panic!("no port {name}"))["containerPort"].as_integer().unwrap()
    };
    // annex.toml leaves `https` and `http` as they are.
    assert_eq!((port("https"), port("http")), (443, 80));
    assert!(read("dist/kubernetes/annex.toml").contains(&format!("probe = \"0.0.0.0:{}\"", port("probe"))));
    for forwarded in service["spec"]["ports"].as_vec().unwrap() {
        let target = forwarded["targetPort"].as_str().unwrap();
        assert_eq!(forwarded["port"].as_integer(), Some(port(target)), "the redirect names the port");
    }
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"].as_str(), Some("probe"));
    }
    // Without a certificate it is not ready; without an address it gets none.
    assert_eq!(service["spec"]["publishNotReadyAddresses"].as_bool(), Some(true));
    // What is mounted is there, and the secrets are where `credential:` looks for them.
    let text = |list: &YamlOwned, key: &str| -> Vec<String> {
        list.as_vec().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(text(&container["volumeMounts"], "name"), text(&pod["volumes"], "name"));
    let folder = container["env"][0]["value"].as_str().unwrap().to_owned();
    assert_eq!(container["env"][0]["name"].as_str(), Some("CREDENTIALS_DIRECTORY"));
    assert!(text(&container["volumeMounts"], "mountPath").contains(&folder));
    let made = &yaml("dist/kubernetes/kustomization.yaml")[0];
    assert_eq!(made["configMapGenerator"][0]["files"][0].as_str(), Some("annex.toml"));
    assert_eq!(made["secretGenerator"][0]["files"][0].as_str(), Some("rossum-secret"));
}

#[test]
fn containers_have_the_bounds_of_the_service_and_nothing_more() {
    let (unit, compose) = (read("systemd/annex.service"), yaml("dist/compose/compose.yaml"));
    let (compose, pod) = (&compose[0]["services"]["annex"], pod());
    let container = &pod["containers"][0];
    assert!(unit.contains("MemoryMax=1536M") && unit.contains("LimitNOFILE=16384"));
    assert_eq!(compose["mem_limit"].as_str(), Some("1536m"));
    assert_eq!(compose["ulimits"]["nofile"].as_integer(), Some(16384));
    assert_eq!(container["resources"]["limits"]["memory"].as_str(), Some("1536Mi"));
    // Each waits longer than the drain.
    assert!(unit.contains("TimeoutStopSec=40s") && read("config/annex.toml").contains("# drain = \"30s\""));
    assert_eq!(compose["stop_grace_period"].as_str(), Some("40s"));
    assert_eq!(pod["terminationGracePeriodSeconds"].as_integer(), Some(40));
    assert_eq!(compose["read_only"].as_bool(), Some(true));
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(compose["cap_drop"][0].as_str(), Some("ALL"));
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0].as_str(), Some("ALL"));
}

#[test]
fn the_program_of_the_user_data_is_a_shell_program() {
    let (_, program) = user_data();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("install"), &program);
    let output = Command::new("sh").arg("-n").arg(folder.path().join("install")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let data = read("dist/vps/user-data.yaml");
    assert!(data.starts_with("#cloud-config\n"), "cloud-init looks at the first line");
    assert_eq!(data.matches("# CHANGE").count(), 5, "as its head says");
}

/// Makes an image of a small file, unpacks it, and gives its settings.
fn image(folder: &Path, name: &str) -> Value {
    write(&folder.join("binary"), "a program");
    let out = folder.join(format!("{name}.tar"));
    let mut command = Command::new("python3");
    command.arg("dist/image.py").arg(folder.join("binary")).args(["arm64", "1.2.3"]).arg(&out);
    assert!(command.env("SOURCE_DATE_EPOCH", "1000000000").status().unwrap().success());
    let unpacked = folder.join(name);
    std::fs::create_dir(&unpacked).unwrap();
    assert!(Command::new("tar").arg("-xf").arg(&out).arg("-C").arg(&unpacked).status().unwrap().success());
    let manifest = json(&unpacked.join("manifest.json"));
    json(&unpacked.join(manifest[0]["Config"].as_str().unwrap()))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_image_is_one_that_engines_take_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let settings = image(folder.path(), "one");
    assert_eq!(settings["architecture"], "arm64");
    assert_eq!(settings["config"]["User"], "65532:65532");
    assert_eq!(settings["created"], "2001-09-09T01:46:40Z");
    image(folder.path(), "two");
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("one.tar") == bytes("two.tar"));
    // OCI's way to the layer and Docker's lead to the same files, which are what their names say.
    let root = folder.path().join("one");
    let blob = |described: &Value| {
        let digest = described["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let path = root.join("blobs/sha256").join(digest);
        let output = Command::new("sha256sum").arg(&path).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(digest));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), described["size"].as_u64().unwrap());
        path
    };
    let manifest = json(&blob(&json(&root.join("index.json"))["manifests"][0]));
    let (config, layer) = (blob(&manifest["config"]), blob(&manifest["layers"][0]));
    let docker = json(&root.join("manifest.json"));
    assert_eq!(root.join(docker[0]["Config"].as_str().unwrap()), config);
    assert_eq!(root.join(docker[0]["Layers"][0].as_str().unwrap()), layer);
    let listed = Command::new("tar").arg("-tvzf").arg(&layer).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.lines().any(|line| line.starts_with("-rwxr-xr-x 0/0 ") && line.ends_with(" usr/bin/annex"))
    );
    let state = listed.lines().find(|line| line.ends_with(" var/lib/annex/")).unwrap();
    assert!(state.starts_with("drwx------ 65532/65532 "), "{state}");
}

/// A file of ours with a mistake in it: what says nothing of that has not looked.
fn mistaken(folder: &Path, path: &str, right: &str, wrong: &str) -> PathBuf {
    let text = read(path);
    assert!(text.contains(right), "{right}");
    let mistaken = folder.join("mistaken.yaml");
    write(&mistaken, &text.replace(right, wrong));
    mistaken
}

/// By the schemas of Kubernetes 1.37, as `kubernetes-validate` of PyPI brings them. Unknown keys are refused.
#[test]
fn the_pod_is_one_that_kubernetes_takes() {
    let Some(python) = environment("kubernetes-validate==1.37.0", "kubernetes_validate", 9) else {
        eprintln!(
            "skipped: the manifest is NOT CHECKED against Kubernetes' schemas: no Python 3.9 with `venv` here"
        );
        return;
    };
    let validate = |file: &Path| {
        let output = Command::new(python.with_file_name("kubernetes-validate"))
            .arg("--strict")
            .arg(file)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    let (is_good, said) = validate(Path::new("dist/kubernetes/annex.yaml"));
    assert!(is_good && said.matches("passed for resource").count() == 3, "{said}");
    let wrong = mistaken(
        folder.path(),
        "dist/kubernetes/annex.yaml",
        "readOnlyRootFilesystem",
        "readOnlyRootFileSystem",
    );
    let (is_good, said) = validate(&wrong);
    assert!(!is_good && said.contains("readOnlyRootFileSystem"), "{said}");
}

/// As Docker's own program reads it: `docker compose`, or `docker-compose` as Debian has it. Neither needs a daemon for that.
#[test]
fn the_compose_file_is_one_that_docker_takes() {
    let runs = |words: &[&str]| {
        Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success())
    };
    let known: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    let Some(program) = known.into_iter().find(|words| runs(&[words, &["version"][..]].concat())) else {
        eprintln!(
            "skipped: the compose file is NOT CHECKED: there is neither `docker compose` nor `docker-compose` here"
        );
        return;
    };
    let config = |file: &Path| {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg("--file").arg(file).arg("config");
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    let (is_good, said) = config(Path::new("dist/compose/compose.yaml"));
    assert!(is_good && said.contains("read_only: true") && said.contains("stop_grace_period: 40s"), "{said}");
    let wrong = mistaken(folder.path(), "dist/compose/compose.yaml", "security_opt:", "securty_opt:");
    let (is_good, said) = config(&wrong);
    assert!(!is_good && said.contains("securty_opt"), "{said}");
}
