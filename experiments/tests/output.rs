//! What reaches the disk: whole files, results that a kill cannot spoil, draws that can be read back.

// clippy.toml allows these in tests, but not in the functions that tests share.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::Tmpfs;
use experiments::output::{
    DrawsFault, DrawsTable, NameFault, OutputError, ResultsDir, Values, Variable, write_draws, write_whole,
};
use serde_json::{Value, json};
use tempfile::tempdir;

/// Every file below `folder` by its relative path.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn visit(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(root, &path, files);
            } else {
                files.insert(path.strip_prefix(root).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    visit(folder, folder, &mut files);
    files
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Asserts that `error` names `path` and tells `reason`.
#[track_caller]
fn assert_tells(error: &OutputError, path: &Path, reason: &str) {
    let message = error.to_string();
    assert!(message.contains(&path.display().to_string()), "{message}");
    assert!(message.contains(reason), "{message}");
}

// ---------------------------------------------------------------------------------------------- whole files

#[test]
fn a_file_is_written_and_replaced_whole_and_nothing_else_is_left() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("report.html");
    for bytes in [&b"old"[..], b"", &[7; 1_000_000]] {
        write_whole(&path, bytes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(entries(folder.path()), ["report.html"]);
    }
    let longest = "x".repeat(255);
    write_whole(&folder.path().join(&longest), b"long").unwrap();
    assert_eq!(entries(folder.path()), ["report.html", &longest]);
}

#[test]
fn an_error_names_the_path_and_what_the_system_said() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();

    let path = folder.path().join("absent/report.html");
    assert_tells(&write_whole(&path, b"x").unwrap_err(), &path, "No such file");
    let path = file.join("report.html");
    assert_tells(&write_whole(&path, b"x").unwrap_err(), &path, "Not a directory");
    assert_tells(&write_whole(folder.path(), b"x").unwrap_err(), folder.path(), "is a directory");
    assert!(write_whole(Path::new(""), b"x").is_err());

    assert_eq!(fs::read(&file).unwrap(), b"kept");
    assert_eq!(entries(folder.path()), ["file"]);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_refuses_with_its_reason() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempdir().unwrap();
    let path = folder.path().join("report.html");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if let Err(error) = fs::write(&path, "probe") {
        assert_tells(&write_whole(&path, b"x").unwrap_err(), &path, &error.to_string());
        assert!(matches!(ResultsDir::create(folder.path(), "run"), Err(OutputError::Io { .. })));
    } else if let Some(_mounted) = Tmpfs::mount(folder.path(), "ro") {
        // Permissions do not bind the superuser.
        assert_tells(&write_whole(&path, b"x").unwrap_err(), &path, "Read-only file system");
        assert_tells(&ResultsDir::create(folder.path(), "run").unwrap_err(), folder.path(), "Read-only file system");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt;

    let full = Path::new("/dev/full");
    assert_tells(&write_whole(full, b"x").unwrap_err(), full, "No space left on device");
    assert!(fs::metadata(full).unwrap().file_type().is_char_device());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_its_file_is_replaced() {
    let folder = tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write_whole(&link, b"new").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert_eq!(entries(folder.path()), ["file", "link"]);
}

/// With room for less than a megabyte in `folder`: every writer fails with `reason` and spoils nothing.
fn assert_too_little_room_spoils_nothing(folder: &Path, reason: &str) {
    let path = folder.join("report.html");
    write_whole(&path, b"old").unwrap();
    let results = ResultsDir::create(folder, "run").unwrap();
    results.write("fit.json", b"old").unwrap();
    let finished = results.finish().unwrap();
    let (before, whole) = (tree(&finished), vec![7; 1_000_000]);

    assert_tells(&write_whole(&path, &whole).unwrap_err(), &path, reason);
    assert_eq!(fs::read(&path).unwrap(), b"old");

    let results = ResultsDir::create(folder, "run").unwrap();
    results.write("small.json", b"new").unwrap();
    assert_tells(&results.write("fit.json", &whole).unwrap_err(), &results.path().join("fit.json"), reason);
    assert_eq!(entries(results.path()), [".gmm-results", "small.json"]);
    drop(results);
    assert_eq!(tree(&finished), before);

    let dir = folder.join("draws.zarr");
    let mut draws = DrawsTable::new(2, 100_000);
    draws.posterior.push(scalar("alpha", Values::Float(vec![1.0; 200_000])));
    assert_tells(&write_draws(&dir, &draws).unwrap_err(), &folder.join("draws.zarr.tmp"), reason);
    assert_eq!(entries(folder), [".run.lock", ".run.partial", "report.html", "run"]);
}

const CROWDED: &str = "GMM_TEST_CROWDED_FOLDER";
const REASON: &str = "GMM_TEST_REASON";

#[test]
fn child_that_writes_where_there_is_too_little_room() {
    if let (Some(folder), Ok(reason)) = (env::var_os(CROWDED), env::var(REASON)) {
        assert_too_little_room_spoils_nothing(Path::new(&folder), &reason);
    }
}

/// Runs the child by `script`, alone in its process: one that other tests start could keep removed files alive.
#[track_caller]
fn assert_child_spoils_nothing(script: &str, folder: &Path, reason: &str) {
    let output = Command::new("sh")
        .args(["-c", &format!("{script} exec \"$0\" --exact child_that_writes_where_there_is_too_little_room")])
        .arg(env::current_exe().unwrap())
        .env(CROWDED, folder)
        .env(REASON, reason)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(folder.join("report.html").is_file(), "the child did nothing");
}

#[cfg(unix)]
#[test]
fn a_full_disk_spoils_nothing() {
    let folder = tempdir().unwrap();
    if let Some(_mounted) = Tmpfs::mount(folder.path(), "size=256k") {
        assert_child_spoils_nothing("", folder.path(), "No space left on device");
    }
}

#[cfg(unix)]
#[test]
fn a_write_that_fails_half_way_spoils_nothing() {
    let folder = tempdir().unwrap();
    // Ignored, the signal becomes an error of the write in the middle of a file; no superuser is needed.
    assert_child_spoils_nothing("trap '' XFSZ; ulimit -f 100;", folder.path(), "File too large");
}

// ---------------------------------------------------------------------------------------------- results

/// Writes complete results that consist of `text` twice.
fn write_results(out: &Path, name: &str, text: &str) -> Result<PathBuf, OutputError> {
    let results = ResultsDir::create(out, name)?;
    results.write("first.txt", text.as_bytes())?;
    thread::yield_now();
    results.write("second.txt", text.as_bytes())?;
    results.finish()
}

/// The text of results that `write_results` wrote; they must be complete and of one piece.
#[track_caller]
fn read_results(folder: &Path) -> String {
    assert_eq!(entries(folder), [".gmm-results", "first.txt", "second.txt"]);
    let first = fs::read_to_string(folder.join("first.txt")).unwrap();
    assert_eq!(first, fs::read_to_string(folder.join("second.txt")).unwrap());
    first
}

#[test]
fn results_appear_with_finish_and_replace_the_older_ones() {
    let out = tempdir().unwrap();
    let out = out.path().join("made/on/the/way");
    assert_eq!(ResultsDir::latest(&out, "run").unwrap(), None);
    assert_eq!(write_results(&out, "run", "one").unwrap(), out.join("run"));
    assert_eq!(read_results(&out.join("run")), "one");

    let results = ResultsDir::create(&out, "run").unwrap();
    results.write("only.txt", b"two").unwrap();
    assert_eq!(read_results(&out.join("run")), "one");
    results.finish().unwrap();
    assert_eq!(entries(&out.join("run")), [".gmm-results", "only.txt"]);
    assert_eq!(entries(&out), [".run.lock", "run"]);
    assert_eq!(ResultsDir::latest(&out, "run").unwrap(), Some(out.join("run")));
}

#[test]
fn results_that_are_never_finished_leave_the_old_ones_and_are_replaced_by_the_next_run() {
    let out = tempdir().unwrap();
    write_results(out.path(), "run", "one").unwrap();
    let before = tree(&out.path().join("run"));

    let results = ResultsDir::create(out.path(), "run").unwrap();
    results.write("half.txt", b"x").unwrap();
    let partial = results.path().to_path_buf();
    drop(results);
    assert_eq!(tree(&out.path().join("run")), before);
    assert_eq!(entries(&partial), [".gmm-results", "half.txt"]);

    write_results(out.path(), "run", "two").unwrap();
    assert_eq!(read_results(&out.path().join("run")), "two");
    assert!(!partial.exists());
}

#[test]
fn a_kept_file_is_that_of_the_killed_run_else_a_copy_of_that_of_the_results() {
    let out = tempdir().unwrap();
    let start = || ResultsDir::create_keeping(out.path(), "run", "kept").unwrap();
    let none = start();
    assert_eq!(entries(none.path()), [".gmm-results"]);
    none.write("kept", b"first").unwrap();
    none.write("other", b"").unwrap();
    none.finish().unwrap();

    // The complete results stay as they are.
    let copied = start();
    assert_eq!(entries(copied.path()), [".gmm-results", "kept"]);
    copied.write("kept", b"second").unwrap();
    fs::create_dir(copied.path().join("draws")).unwrap();
    assert_eq!(fs::read(out.path().join("run/kept")).unwrap(), b"first");
    drop(copied);

    let killed = start();
    assert_eq!(entries(killed.path()), [".gmm-results", "kept"]);
    assert_eq!(fs::read(killed.path().join("kept")).unwrap(), b"second");
    drop(killed);
    assert_eq!(entries(ResultsDir::create(out.path(), "run").unwrap().path()), [".gmm-results"]);
}

#[test]
fn old_results_come_back_after_a_death_between_the_two_renames() {
    for open in [(|out: &Path| drop(ResultsDir::create(out, "run").unwrap())) as fn(&Path), |out| {
        assert_eq!(ResultsDir::latest(out, "run").unwrap(), Some(out.join("run")))
    }] {
        let out = tempdir().unwrap();
        write_results(out.path(), "run", "old").unwrap();
        drop(ResultsDir::create(out.path(), "run").unwrap());
        fs::rename(out.path().join("run"), out.path().join(".run.old")).unwrap();
        open(out.path());
        assert_eq!(read_results(&out.path().join("run")), "old");
        assert!(!out.path().join(".run.old").exists());
    }
}

#[test]
fn old_results_go_after_a_death_before_their_removal() {
    let out = tempdir().unwrap();
    write_results(out.path(), "run", "old").unwrap();
    fs::rename(out.path().join("run"), out.path().join(".run.old")).unwrap();
    fs::create_dir(out.path().join("run")).unwrap();
    fs::write(out.path().join("run/.gmm-results"), "").unwrap();
    fs::write(out.path().join("run/new.txt"), "new").unwrap();
    drop(ResultsDir::create(out.path(), "run").unwrap());
    assert_eq!(entries(&out.path().join("run")), [".gmm-results", "new.txt"]);
    assert!(!out.path().join(".run.old").exists());
}

#[test]
fn a_second_run_of_the_same_name_is_refused_while_the_first_one_writes() {
    let out = tempdir().unwrap();
    let first = ResultsDir::create(out.path(), "run").unwrap();
    first.write("kept.txt", b"kept").unwrap();
    let error = ResultsDir::create(out.path(), "run").unwrap_err();
    assert!(matches!(error, OutputError::AnotherRun { .. }));
    assert_tells(&error, &out.path().join("run"), "another run is writing here");
    let other = ResultsDir::create(out.path(), "other").unwrap();
    assert_eq!(fs::read(first.path().join("kept.txt")).unwrap(), b"kept");
    other.finish().unwrap();
    first.finish().unwrap();
    drop(ResultsDir::create(out.path(), "run").unwrap());
}

#[test]
fn many_runs_of_the_same_name_at_once_never_mix_their_files() {
    let out = tempdir().unwrap();
    let n_written: usize = thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|run| {
                let out = out.path();
                scope.spawn(move || {
                    let mut n_written = 0;
                    for turn in 0..50 {
                        match write_results(out, "run", &format!("{run}.{turn}")) {
                            Ok(_) => n_written += 1,
                            Err(OutputError::AnotherRun { .. }) => thread::yield_now(),
                            Err(error) => panic!("{error}"),
                        }
                    }
                    n_written
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert!(n_written > 0);
    read_results(&out.path().join("run"));
    assert_eq!(entries(out.path()), [".run.lock", "run"]);
}

#[cfg(unix)]
#[test]
fn the_lock_ends_with_the_run_while_another_thread_starts_processes() {
    let out = tempdir().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                Command::new("true").status().unwrap();
            }
        });
        let refused = (0..300).find_map(|_| ResultsDir::create(out.path(), "run").err());
        is_over.store(true, Ordering::Relaxed);
        assert!(refused.is_none(), "{refused:?}");
    });
}

const KILLED: &str = "GMM_TEST_KILLED_FOLDER";

#[test]
fn child_that_writes_results_until_it_is_killed() {
    if let Some(out) = env::var_os(KILLED) {
        for generation in 0.. {
            write_results(Path::new(&out), "run", &format!("{} {generation}", std::process::id())).unwrap();
        }
    }
}

#[test]
fn a_kill_at_any_moment_leaves_complete_results() {
    let out = tempdir().unwrap();
    write_results(out.path(), "run", "first").unwrap();
    let mut before = "first".to_owned();
    for turn in 0..60 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_results_until_it_is_killed"])
            .env(KILLED, out.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The child is under way; whatever it is at a little later, it is killed at that.
        while fs::read_to_string(out.path().join("run/first.txt")).is_ok_and(|text| text == before) {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(101 * turn));
        child.kill().unwrap();
        child.wait().unwrap();
        let folder = ResultsDir::latest(out.path(), "run").unwrap().unwrap();
        before = read_results(&folder);
    }
    write_results(out.path(), "run", "last").unwrap();
    assert_eq!(entries(out.path()), [".run.lock", "run"]);
}

#[test]
fn a_folder_that_no_run_wrote_is_never_replaced() {
    let out = tempdir().unwrap();
    let work = out.path().join("work");
    fs::create_dir(&work).unwrap();
    drop(ResultsDir::create(out.path(), "work").unwrap());
    fs::write(work.join("thesis.tex"), "years").unwrap();
    let error = ResultsDir::create(out.path(), "work").unwrap_err();
    assert!(matches!(error, OutputError::NotResults { .. }));
    assert_tells(&error, &work, "not written by a run");
    assert_eq!(entries(&work), ["thesis.tex"]);

    // Nor is what appeared while the run was writing.
    let results = ResultsDir::create(out.path(), "late").unwrap();
    fs::write(out.path().join("late"), "a file").unwrap();
    assert!(matches!(results.finish(), Err(OutputError::NotResults { .. })));
    assert_eq!(fs::read(out.path().join("late")).unwrap(), b"a file");
}

#[test]
fn names_that_are_no_plain_folder_names_are_refused() {
    let out = tempdir().unwrap();
    let results = ResultsDir::create(out.path(), "run").unwrap();
    let long = "n".repeat(201);
    for (name, expected) in [
        ("", NameFault::Empty),
        (".", NameFault::LeadingDot),
        ("..", NameFault::LeadingDot),
        (".hidden", NameFault::LeadingDot),
        ("a/b", NameFault::Separator('/')),
        ("../run", NameFault::Separator('/')),
        ("a\\b", NameFault::Separator('\\')),
        ("a\nb", NameFault::Control('\n')),
        ("a\0", NameFault::Control('\0')),
        (&long, NameFault::TooLong { n_bytes: 201 }),
    ] {
        let errors = [
            ResultsDir::create(out.path(), name).unwrap_err(),
            ResultsDir::latest(out.path(), name).unwrap_err(),
            results.write(name, b"x").unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(&error, OutputError::UnsafeName { fault, .. } if *fault == expected), "{error}");
        }
    }
    assert_eq!(entries(results.path()), [".gmm-results"]);
    for name in ["iris, K = 3 (full)", "σ=0.01", "a..b", &"n".repeat(NameFault::LONGEST)] {
        let results = ResultsDir::create(out.path(), name).unwrap();
        results.write(name, b"x").unwrap();
        assert_eq!(results.finish().unwrap(), out.path().join(name));
    }
}

// ---------------------------------------------------------------------------------------------- draws

fn scalar(name: &str, values: Values) -> Variable {
    array(name, &[], values)
}

fn array(name: &str, dims: &[(&str, usize)], values: Values) -> Variable {
    Variable {
        name: name.to_owned(),
        dims: dims.iter().map(|(dim, _)| (*dim).to_owned()).collect(),
        shape: dims.iter().map(|(_, length)| *length).collect(),
        values,
    }
}

/// Values that would show any exchange of places, with the awkward ones among them.
fn awkward(n_values: usize) -> Values {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 3.0, f64::MAX, 0.1];
    Values::Float(
        (0..n_values)
            .map(|i| if i % 11 == 3 { special[i / 11 % special.len()] } else { (i as f64 + 0.1).sqrt() })
            .collect(),
    )
}

/// 2 chains, 5 draws, 3 components, 2 dimensions.
fn example() -> DrawsTable {
    let mut draws = DrawsTable::new(2, 5);
    draws.draws = vec![100, 110, 120, 130, 140];
    draws.coordinates.insert("component".to_owned(), vec![1, 2, 3]);
    draws.attributes.insert("seed".to_owned(), json!(7));
    draws.posterior = vec![
        array("weights", &[("component", 3)], awkward(30)),
        array("means", &[("component", 3), ("dim", 2)], awkward(60)),
        array("covariances", &[("component", 3), ("dim", 2), ("dim_bis", 2)], awkward(120)),
        scalar("n_occupied", Values::Integer(vec![3, 2, 0, 1, i64::MAX, i64::MIN, -1, 3, 3, 2])),
    ];
    draws.sample_stats = vec![scalar("lp", awkward(10))];
    draws
}

fn metadata(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("zarr.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

/// The names of the dimensions and the 8-byte values of an array, by the rules of the format: chunks of one chain each
/// (a coordinate has one chunk), which follow each other in the array's order.
fn read_array(folder: &Path) -> (Vec<String>, Vec<usize>, Vec<u64>) {
    let metadata = metadata(folder);
    assert_eq!(metadata["node_type"], "array");
    assert_eq!(metadata["codecs"], json!([{ "name": "bytes", "configuration": { "endian": "little" } }]));
    let shape = numbers(&metadata["shape"]);
    let chunk_shape = numbers(&metadata["chunk_grid"]["configuration"]["chunk_shape"]);
    assert_eq!(shape[1..], chunk_shape[1..]);
    let n_chunks = shape[0] / chunk_shape[0];
    assert_eq!(entries(folder).len(), n_chunks + 1);
    let mut values = Vec::new();
    for chunk in 0..n_chunks {
        let key = format!("c.{chunk}{}", ".0".repeat(shape.len() - 1));
        let bytes = fs::read(folder.join(key)).unwrap();
        assert_eq!(bytes.len(), 8 * chunk_shape.iter().product::<usize>());
        values.extend(bytes.chunks_exact(8).map(|eight| u64::from_le_bytes(eight.try_into().unwrap())));
    }
    let names = metadata["dimension_names"].as_array().unwrap();
    (names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(), shape, values)
}

fn bits(values: &Values) -> (&'static str, Vec<u64>) {
    match values {
        Values::Float(values) => ("float64", values.iter().map(|value| value.to_bits()).collect()),
        Values::Integer(values) => ("int64", values.iter().map(|value| value.cast_unsigned()).collect()),
    }
}

#[test]
fn draws_read_back_from_the_folder_are_the_same_bits() {
    let folder = tempdir().unwrap();
    let (dir, draws) = (folder.path().join("draws.zarr"), example());
    write_draws(&dir, &draws).unwrap();
    for (group, variables) in [("posterior", &draws.posterior), ("sample_stats", &draws.sample_stats)] {
        for variable in variables {
            let array = dir.join(group).join(&variable.name);
            let (names, shape, values) = read_array(&array);
            assert_eq!(names[..2], ["chain", "draw"]);
            assert_eq!(names[2..], variable.dims);
            assert_eq!(shape[..2], [2, 5]);
            assert_eq!(shape[2..], variable.shape);
            assert_eq!((metadata(&array)["data_type"].as_str().unwrap(), values), bits(&variable.values));
        }
    }
    let coordinates: [(&str, &[i64]); 7] = [
        ("posterior/chain", &[0, 1]),
        ("posterior/draw", &[100, 110, 120, 130, 140]),
        ("posterior/component", &[1, 2, 3]),
        ("posterior/dim", &[0, 1]),
        ("posterior/dim_bis", &[0, 1]),
        ("sample_stats/chain", &[0, 1]),
        ("sample_stats/draw", &[100, 110, 120, 130, 140]),
    ];
    for (path, expected) in coordinates {
        let (names, _, values) = read_array(&dir.join(path));
        assert_eq!(names, [path.rsplit('/').next().unwrap()]);
        assert_eq!(("int64", values), bits(&Values::Integer(expected.to_vec())));
    }
    assert_eq!(
        entries(&dir.join("posterior")),
        ["chain", "component", "covariances", "dim", "dim_bis", "draw", "means", "n_occupied", "weights", "zarr.json"]
    );
    assert_eq!(entries(&dir.join("sample_stats")), ["chain", "draw", "lp", "zarr.json"]);
}

#[test]
fn consolidated_metadata_repeat_the_metadata_of_every_node() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("draws.zarr");
    write_draws(&dir, &example()).unwrap();
    let all = tree(&dir);
    for root in ["", "posterior/", "sample_stats/"] {
        let found = metadata(&dir.join(root));
        assert_eq!((&found["zarr_format"], &found["node_type"]), (&json!(3), &json!("group")));
        let consolidated = found["consolidated_metadata"]["metadata"].as_object().unwrap();
        let mut n_below = 0;
        for (path, bytes) in &all {
            let path = path.to_str().unwrap();
            let Some(node) = path.strip_prefix(root).and_then(|below| below.strip_suffix("/zarr.json")) else {
                continue;
            };
            n_below += 1;
            let mut own: Value = serde_json::from_slice(bytes).unwrap();
            if own["node_type"] == "group" {
                own["consolidated_metadata"]["metadata"] = json!({});
            }
            assert_eq!(consolidated[node], own, "{node}");
        }
        assert_eq!(consolidated.len(), n_below);
    }
    assert_eq!(
        metadata(&dir.join("posterior"))["attributes"],
        json!({ "inference_library": "gmm", "inference_library_version": env!("CARGO_PKG_VERSION"), "seed": 7 })
    );
}

#[test]
fn the_same_draws_give_the_same_bytes() {
    let folder = tempdir().unwrap();
    let [first, second] = ["first.zarr", "second.zarr"].map(|name| {
        let dir = folder.path().join(name);
        write_draws(&dir, &example()).unwrap();
        tree(&dir)
    });
    assert_eq!(first, second);
    assert_eq!(first[Path::new("posterior/draw/c.0")][..16], [100, 0, 0, 0, 0, 0, 0, 0, 110, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn draws_appear_by_one_rename_and_never_over_something_else() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("draws.zarr");
    let leftover = folder.path().join("draws.zarr.tmp/posterior");
    fs::create_dir_all(&leftover).unwrap();
    fs::write(leftover.join("half"), "x").unwrap();
    write_draws(&dir, &example()).unwrap();
    assert_eq!(entries(folder.path()), ["draws.zarr"]);
    assert!(!dir.join("posterior/half").exists());

    let before = tree(&dir);
    let error = write_draws(&dir, &example()).unwrap_err();
    assert!(matches!(error, OutputError::AlreadyExists { .. }));
    assert_tells(&error, &dir, "already exists");
    assert_eq!(tree(&dir), before);
}

#[test]
fn sample_stats_may_be_absent() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("draws.zarr");
    let mut draws = example();
    draws.sample_stats.clear();
    write_draws(&dir, &draws).unwrap();
    assert_eq!(entries(&dir), ["posterior", "zarr.json"]);
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    type Change = fn(&mut DrawsTable);
    let cases: [(Change, DrawsFault); 17] = [
        (|draws| draws.chains.clear(), DrawsFault::Empty { what: "chain".into() }),
        (|draws| draws.draws.clear(), DrawsFault::Empty { what: "draw".into() }),
        (|draws| draws.posterior.clear(), DrawsFault::Empty { what: "posterior".into() }),
        (
            |draws| draws.posterior.push(array("none", &[("nothing", 0)], Values::Float(vec![]))),
            DrawsFault::Empty { what: "nothing".into() },
        ),
        (
            |draws| draws.posterior[0].name = "a/b".into(),
            DrawsFault::UnsafeName { name: "a/b".into(), fault: NameFault::Separator('/') },
        ),
        (
            |draws| draws.posterior[0].dims[0] = "..".into(),
            DrawsFault::UnsafeName { name: "..".into(), fault: NameFault::LeadingDot },
        ),
        (
            |draws| draws.sample_stats[0].name = "zarr.json".into(),
            DrawsFault::ReservedName { name: "zarr.json".into() },
        ),
        (|draws| draws.sample_stats[0].name = "__lp".into(), DrawsFault::ReservedName { name: "__lp".into() }),
        (
            |draws| draws.posterior[1].name = "weights".into(),
            DrawsFault::DuplicateName { group: "posterior", name: "weights".into() },
        ),
        (
            |draws| draws.sample_stats[0].name = "draw".into(),
            DrawsFault::DuplicateName { group: "sample_stats", name: "draw".into() },
        ),
        (
            |draws| drop(draws.coordinates.insert("chain".into(), vec![0, 1])),
            DrawsFault::DuplicateName { group: "posterior", name: "chain".into() },
        ),
        (
            |draws| draws.posterior[2].dims[2] = "dim".into(),
            DrawsFault::RepeatedDimension { variable: "covariances".into(), dim: "dim".into() },
        ),
        (
            |draws| draws.posterior[1].shape.truncate(1),
            DrawsFault::DimsAndShape { variable: "means".into(), n_dims: 2, n_lengths: 1 },
        ),
        (
            |draws| draws.posterior[2].shape[1] = 4,
            DrawsFault::DimensionLength { variable: "covariances".into(), dim: "dim".into(), expected: 2, found: 4 },
        ),
        (
            |draws| drop(draws.coordinates.insert("components".into(), vec![1, 2, 3])),
            DrawsFault::UnusedCoordinate { dim: "components".into() },
        ),
        (
            |draws| draws.posterior[1].values = Values::Float(vec![0.0; 59]),
            DrawsFault::WrongLength { variable: "means".into(), expected: 60, found: 59 },
        ),
        (
            |draws| {
                // A coordinate of usize::MAX entries cannot exist, so the product has to overflow.
                let dims: Vec<(String, usize)> = (0..16).map(|i| (format!("d{i}"), 100_000)).collect();
                let dims: Vec<(&str, usize)> = dims.iter().map(|(dim, length)| (dim.as_str(), *length)).collect();
                draws.posterior.push(array("huge", &dims, Values::Float(vec![])));
            },
            DrawsFault::TooLarge { variable: "huge".into() },
        ),
    ];
    let folder = tempdir().unwrap();
    for (change, expected) in cases {
        let mut draws = example();
        change(&mut draws);
        let error = write_draws(&folder.path().join("draws.zarr"), &draws).unwrap_err();
        let OutputError::Draws { fault, .. } = error else { panic!("{error}") };
        assert_eq!(fault, expected);
        assert!(entries(folder.path()).is_empty());
    }
}
