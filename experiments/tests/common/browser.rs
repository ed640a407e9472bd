//! A page in a browser without a window, over the DevTools protocol.
//!
//! The protocol is spoken through the pipes of the process (`--remote-debugging-pipe`: messages in JSON, each ended by a zero
//! byte), so that neither a port nor a web socket is needed, and no crate beyond those that are there. The browser expects its
//! pipes at the file descriptors 3 and 4, where a shell puts them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing that a report does takes this long; a browser that has hung is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// The browser to test with: that of `CHROMIUM`, or the first of the usual names on the path.
///
/// # Panics
/// If there is none and `GMM_NEEDS_BROWSER` is set.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from).filter(|file| file.is_file());
    let found = named.or_else(|| ["chromium", "google-chrome", "chromium-browser"].into_iter().find_map(on_path));
    if found.is_none() {
        assert!(
            std::env::var_os("GMM_NEEDS_BROWSER").is_none(),
            "no browser: install chromium or name one by CHROMIUM"
        );
        println!("skipped: no browser was found (CHROMIUM, chromium, google-chrome, chromium-browser)");
    }
    found
}

/// A browser with one tab.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: String,
    last: u64,
    /// What happened meanwhile.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it.
    pub(crate) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, mut out) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (send, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if send.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let session = String::new();
        let mut browser = Self { child, to, from, session, last: 0, events: Vec::new(), _profile: profile };
        let tab = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": tab["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method of the protocol and returns its result.
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        self.to.flush().unwrap();
        let id = self.last;
        let mut answer = self.wait(|message| message["id"] == id, method);
        assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// The next message that is wanted; others are kept.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool, what: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.from.recv_timeout(left).unwrap_or_else(|error| panic!("{what}: the browser: {error}"));
            if wanted(&message) {
                return message;
            }
            self.events.push(message);
        }
    }

    /// Opens a file in a window of this size, in pixels, light or dark, and waits until it is loaded. Forgets what happened
    /// before.
    pub(crate) fn open(&mut self, file: &Path, (width, height): (u32, u32), dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", features);
        self.events.clear();
        let url = address(file);
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {}", answer["errorText"]);
        if !self.events.iter().any(is_loaded) {
            let loaded = self.wait(is_loaded, "loading");
            self.events.push(loaded);
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let how = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", how);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Clicks the first element that a selector finds, as a mouse does: where it is on the screen.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.evaluate(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); if (!e) return null; e.scrollIntoView({{block: 'center'}});
                const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        let at = |i: usize| place[i].as_f64().unwrap_or_else(|| panic!("nothing to click at {selector}"));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": at(0), "y": at(1), "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// An attribute of the first element that a selector finds; none without the element or the attribute.
    pub(crate) fn attribute(&mut self, selector: &str, name: &str) -> Option<String> {
        let found = self.evaluate(&format!("document.querySelector({selector:?})?.getAttribute({name:?}) ?? null"));
        found.as_str().map(str::to_owned)
    }

    /// Waits until an expression holds.
    pub(crate) fn until(&mut self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        while self.evaluate(expression) != true {
            assert!(Instant::now() < until, "never came true: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What a page must not do since it was opened: errors and warnings on the console, exceptions, and requests for
    /// anything but the file itself.
    pub(crate) fn complaints(&mut self, file: &Path) -> Vec<String> {
        // What happened until now has arrived before the answer.
        self.evaluate("0");
        let own = address(file);
        let complaint = |event: &Value| {
            let parameters = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(format!("exception: {}", parameters["exceptionDetails"])),
                "Runtime.consoleAPICalled" if parameters["type"] == "error" || parameters["type"] == "warning" => {
                    Some(format!("console: {}", parameters["args"]))
                }
                "Log.entryAdded" => Some(format!("log: {}", parameters["entry"])),
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap_or("nothing");
                    (url.split('#').next() != Some(own.as_str())).then(|| format!("request: {url}"))
                }
                _ => None,
            }
        };
        self.events.iter().filter_map(complaint).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends with its pipes; should it not, it is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_loaded(message: &Value) -> bool {
    message["method"] == "Page.loadEventFired"
}

fn address(file: &Path) -> String {
    format!("file://{}", file.canonicalize().unwrap().display())
}
