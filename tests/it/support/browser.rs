//! A real browser: Debian's chromium, driven by its chromedriver (W3C `WebDriver`).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Client, eventually, free_port};

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// A window of so many pixels.
    pub(crate) fn open(width: u32, height: u32) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: apt-get install chromium chromium-driver");
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port, session: String::new(), profile };
        eventually("chromedriver answers", Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--window-size={width},{height}"));
        arguments.push(format!("--user-data-dir={}", browser.profile.path().display()));
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}});
        let made = browser.ask("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        browser.sized(width, height);
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut client = Client::plain(([127, 0, 0, 1], self.port).into());
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let length = body.len().to_string();
        let headers = [("content-type", "application/json"), ("content-length", &*length)];
        let host = format!("127.0.0.1:{}", self.port);
        let answer = client.request_as(&host, method, path, &headers, body.as_bytes());
        let said = answer.json();
        assert_eq!(answer.status, 200, "{path} {body}: {said}");
        said["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}{path}", self.session), body)
    }

    pub(crate) fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What this code returns in the page.
    pub(crate) fn run(&self, code: &str) -> Value {
        self.post("/execute/sync", &json!({"script": code, "args": []}))
    }

    /// The text of the first element that a selector finds, as a person sees it; empty where there is none.
    pub(crate) fn text(&self, selector: &str) -> String {
        let found = self.run(&format!("return document.querySelector({})?.innerText ?? ''", json!(selector)));
        found.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn count(&self, selector: &str) -> usize {
        let found = self.run(&format!("return document.querySelectorAll({}).length", json!(selector)));
        usize::try_from(found.as_u64().unwrap()).unwrap()
    }

    /// Waits until a selector finds something that shows this text.
    #[track_caller]
    pub(crate) fn shows(&self, selector: &str, text: &str) {
        let mut last = String::new();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            last = self.text(selector);
            if last.contains(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{selector} does not show {text:?} but {last:?}");
    }

    /// Types keys as a person does.
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    pub(crate) fn click(&self, selector: &str) {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.post(&format!("/element/{id}/click"), &json!({}));
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// A viewport of exactly this size.
    pub(crate) fn sized(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `light` or `dark`.
    pub(crate) fn coloured(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Bytes that the page's own objects take.
    pub(crate) fn heap(&self) -> f64 {
        self.devtools("HeapProfiler.collectGarbage", &json!({}));
        let used = self.devtools("Runtime.getHeapUsage", &json!({}));
        used["usedSize"].as_f64().unwrap_or_default()
    }

    /// A picture of what is seen, for people to look at.
    pub(crate) fn picture(&self, path: &Path) -> Vec<u8> {
        let picture = self.ask("GET", &format!("{}/screenshot", self.session), &Value::Null);
        let bytes = base64::prelude::BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        super::write_bytes(path, &bytes);
        bytes
    }

    /// What the console says, but for what is only information.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = self.post("/se/log", &json!({"type": "browser"}));
        let all = said.as_array().unwrap().iter();
        all.filter(|line| line["level"] != "INFO").map(|line| line["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &self.session, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
