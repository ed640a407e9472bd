//! Reports in a real browser: nothing on its console, nothing loaded, marks in every figure, no sideways scrolling on a phone.
//!
//! Without a browser the tests say so and pass, unless `GMM_NEEDS_BROWSER` is set.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says why it is skipped"
)]

#[path = "common/browser.rs"]
mod browser;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use browser::Browser;
use serde_json::{Value, json};

const PHONE: (u32, u32) = (360, 740);
const DESK: (u32, u32) = (1280, 900);

fn gmm(folder: &Path, arguments: &[&str]) {
    let done = Command::new(assert_cmd::cargo::cargo_bin!("gmm")).current_dir(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The report of an experiment on these data, by all kinds of fits.
fn report(folder: &Path, name: &str, data: &str) -> PathBuf {
    let config = format!(
        "Experiment(name: \"{name}\", seed: 4, data: {data}, model: (components: 2, covariance: Free(Full)), fits: [
            Em(restarts: 4), Em(objective: Posterior, restarts: 2),
            Gibbs(chains: 2, warmup: 50, draws: 100, evidence: [Bridge(components: 20, proposals: 200)])])"
    );
    fs::write(folder.join(format!("{name}.ron")), config).unwrap();
    gmm(folder, &["run", &format!("{name}.ron"), "--out", "out", "--quiet"]);
    folder.join("out").join(name).join("report.html")
}

fn faithful() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/faithful.csv");
    format!("Csv(path: {:?}, columns: [\"eruptions\", \"waiting\"])", file.to_str().unwrap())
}

const LINE: &str =
    "Simulate(n: 200, mixture: (weights: [0.5, 0.5], means: [[-2], [2]], covariances: [Isotropic(1), Isotropic(0.5)]))";
const SPACE: &str = "SimulateInBall(n: 150, dims: 5, radius: 4, components: 2)";

const STUDY: &str = r#"Study(name: "grid", seed: 2, replicates: 3, test_rows: 50,
    data: SimulateSeparated(n: [60, 120], components: 2, dims: 2, separation: [C(1.0), C(3.0)]),
    fits: [Em(restarts: 2), Gibbs(chains: 2, warmup: 20, draws: 40)])"#;

/// What is wrong in a page, by what it says of itself; empty if nothing is.
const FAULTS: &str = r#"(() => {
    const faults = [], shape = "circle, polyline, polygon, rect, path, line";
    const seen = (e) => e.checkVisibility ? e.checkVisibility() : true;
    for (const figure of document.querySelectorAll("figure")) {
        const name = figure.querySelector("b")?.textContent ?? "a figure";
        const image = figure.querySelector("[role=img]");
        if ((image?.getAttribute("aria-label") ?? "").length < 30) faults.push(`${name}: no alternative text`);
        const svgs = figure.querySelectorAll("svg:not(.moving)");
        if (!svgs.length) faults.push(`${name}: no picture`);
        for (const svg of svgs) {
            const panels = svg.querySelectorAll("[data-marks]");
            for (const panel of panels) {
                const marks = panel.querySelectorAll(shape).length;
                if (marks === 0) faults.push(`${name}: a panel without marks`);
                if (marks !== Number(panel.dataset.marks)) faults.push(`${name}: ${marks} marks, said to be ${panel.dataset.marks}`);
            }
            // A matrix has no panels: its shades, and its frame.
            if (!panels.length && svg.querySelectorAll(shape).length < 3) faults.push(`${name}: nothing in it`);
            const box = svg.getBoundingClientRect();
            if (seen(svg) && (box.width < 100 || box.height < 50)) faults.push(`${name}: ${box.width} x ${box.height}`);
        }
    }
    for (const text of document.querySelectorAll("figure svg text")) {
        const size = text.getBoundingClientRect();
        const turned = (text.getAttribute("transform") ?? "").includes("270");
        if (text.textContent && (turned ? size.width : size.height) < 8) { faults.push(`"${text.textContent}" is ${size.height} px high`); break; }
    }
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 0) faults.push(`scrolls sideways by ${wide} px`);
    for (const table of document.querySelectorAll("table")) {
        const box = table.parentElement;
        if (!table.caption?.textContent || box.tabIndex !== 0 || !box.ariaLabel) faults.push("a table without name or focus");
    }
    for (const link of document.querySelectorAll("a[href]")) {
        if (!document.getElementById(link.getAttribute("href").slice(1))) faults.push(`a link to nothing: ${link.outerHTML}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    if (new Set(ids).size !== ids.length) faults.push("the same id twice");
    if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
    let level = 1;
    for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
        const own = Number(heading.tagName[1]);
        if (own > level + 1) faults.push(`h${own} "${heading.textContent}" after h${level}`);
        level = own;
    }
    for (const landmark of ["main", "nav", "header", "footer"]) {
        if (!document.querySelector(landmark)) faults.push(`no ${landmark}`);
    }
    return faults;
})()"#;

/// Opens a report wide and narrow, light and dark, and asserts that nothing is wrong.
fn assert_sound(browser: &mut Browser, page: &Path) {
    for (size, dark) in [(DESK, false), (PHONE, true)] {
        browser.open(page, size, dark);
        assert!(browser.evaluate("document.querySelectorAll('figure').length").as_u64().unwrap() > 0, "no figures");
        assert_eq!(browser.evaluate(FAULTS), Value::Array(Vec::new()), "{} at {size:?}", page.display());
        assert_eq!(browser.complaints(page), [""; 0], "{}", page.display());
        let background = browser.evaluate("getComputedStyle(document.body).backgroundColor");
        assert_eq!(background, if dark { "rgb(21, 24, 28)" } else { "rgb(255, 255, 255)" });
    }
}

#[test]
fn reports_of_every_kind_are_sound() {
    let Some(program) = browser::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(&program);
    for (name, data) in [("plane", faithful().as_str()), ("line", LINE), ("space", SPACE)] {
        let page = report(folder.path(), name, data);
        assert_sound(&mut browser, &page);
    }
    gmm(folder.path(), &["verify", "line.ron", "--replications", "40", "--rows", "10", "--out", "out", "--quiet"]);
    assert_sound(&mut browser, &folder.path().join("out/line-verification/report.html"));
    fs::write(folder.path().join("grid.ron"), STUDY).unwrap();
    gmm(folder.path(), &["study", "grid.ron", "--out", "out", "--quiet"]);
    assert_sound(&mut browser, &folder.path().join("out/grid/report.html"));
    gmm(folder.path(), &["compare", "out/line", "out/line", "--out", "both", "--quiet"]);
    browser.open(&folder.path().join("both/comparison.html"), PHONE, true);
    assert_eq!(browser.evaluate(FAULTS), Value::Array(Vec::new()));
    // The figures by themselves are pictures too.
    let figures = folder.path().join("out/plane/figures");
    for figure in fs::read_dir(figures).unwrap().map(|entry| entry.unwrap().path()) {
        browser.open(&figure, DESK, false);
        let named = browser.evaluate("document.documentElement.querySelector('title')?.textContent.length > 0");
        assert_eq!(named, true, "{}", figure.display());
        assert_eq!(browser.complaints(&figure), [""; 0], "{}", figure.display());
    }
}

#[test]
fn animations_are_stepped_played_paused_and_moved_by_keys() {
    let Some(program) = browser::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(&program);
    for (name, data) in [("plane", faithful().as_str()), ("line", LINE)] {
        let page = report(folder.path(), name, data);
        browser.open(&page, DESK, false);
        let players = browser.evaluate("document.querySelectorAll('.player').length");
        assert_eq!(players, 3, "one for each fit");
        let whole = "[...document.querySelectorAll('.player')].every((player) => JSON.parse(player.dataset.frames).every(
            ([label, paths]) => label.length > 8 && paths.every((path) => /^[MLVAaZ0-9 .-]*$/.test(path)) && paths.at(-1) !== ''))";
        assert_eq!(browser.evaluate(whole), true, "{name}");
        let drawn = |browser: &mut Browser| {
            browser.evaluate("[...document.querySelector('.player').querySelectorAll('path[data-moving]')].map((p) => p.getAttribute('d')).join()")
        };
        let said = |browser: &mut Browser| browser.evaluate("document.querySelector('.player output').textContent");
        let frame =
            |browser: &mut Browser| -> usize { browser.attribute(".player", "data-frame").unwrap().parse().unwrap() };
        let (last, last_said) = (drawn(&mut browser), said(&mut browser));
        let end = frame(&mut browser);
        assert!(end > 2, "{end}");
        browser.click(".player [aria-label='First frame']");
        assert_eq!(frame(&mut browser), 0);
        let (first, first_said) = (drawn(&mut browser), said(&mut browser));
        assert!(first != last && first_said != last_said);
        browser.click(".player [aria-label='One frame forward']");
        assert_eq!(frame(&mut browser), 1);
        assert_ne!(drawn(&mut browser), first);
        browser.click(".player [aria-label='One frame back']");
        assert_eq!((frame(&mut browser), drawn(&mut browser)), (0, first));
        browser.click(".player .play");
        browser.until("Number(document.querySelector('.player').dataset.frame) >= 2");
        browser.click(".player .play");
        let paused = frame(&mut browser);
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(frame(&mut browser), paused);
        assert!(paused == end || browser.evaluate("document.querySelector('.player .play').textContent") == "Play");
        browser.click(".player [aria-label='Last frame']");
        assert_eq!((drawn(&mut browser), said(&mut browser)), (last, last_said));
        // By keyboard, as a slider is.
        browser.evaluate("document.querySelector('.player input').focus()");
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "ArrowLeft", "code": "ArrowLeft", "windowsVirtualKeyCode": 37 });
            browser.call("Input.dispatchKeyEvent", key);
        }
        browser.until(&format!("document.querySelector('.player').dataset.frame === '{}'", end - 1));
        assert_eq!(browser.complaints(&page), [""; 0]);
    }
}

#[test]
fn a_browser_sees_what_is_wrong() {
    let Some(program) = browser::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    fs::write(
        &page,
        "<!doctype html><h1 id=\"a\">x</h1><h3>y</h3><p style=\"width: 2000px\">wide</p>
        <figure><b>empty</b><div role=\"img\"><svg width=\"200\" height=\"100\"><g data-marks=\"0\"></g></svg></div></figure>
        <a href=\"#b\">nowhere</a><button data-n=\"0\" onclick=\"this.dataset.n++\">+</button>
        <img src=\"missing.png\"><script>console.error('no'); throw new Error('never')</script>",
    )
    .unwrap();
    let mut browser = Browser::start(&program);
    browser.open(&page, PHONE, false);
    let faults = browser.evaluate(FAULTS).to_string();
    for fault in ["no alternative text", "without marks", "sideways", "a link to nothing", "after h1", "no main"] {
        assert!(faults.contains(fault), "{fault}: {faults}");
    }
    let complaints = browser.complaints(&page).join("\n");
    for complaint in ["exception", "console", "missing.png"] {
        assert!(complaints.contains(complaint), "{complaint}: {complaints}");
    }
    browser.click("button");
    browser.click("button");
    browser.until("document.querySelector('button').dataset.n === '2'");
    assert_eq!(browser.attribute("button", "data-n").as_deref(), Some("2"));
    assert_eq!(browser.attribute("button", "id"), None);
}
