//! `gmm bench`: numbers that can be numbers, and a clear no to problems that cannot be.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use assert_cmd::Command;
use serde_json::Value;

fn bench(arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).arg("bench").args(arguments).output().unwrap()
}

#[test]
fn every_shape_gets_finite_positive_numbers_on_one_thread_and_on_two() {
    for shape in ["full", "diagonal", "isotropic"] {
        let size = ["--rows", "20000", "--dim", "3", "--components", "2", "--shape", shape];
        let output = bench(&[&size[..], &["--threads", "2", "--seconds", "0", "--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = report["results"].as_array().unwrap();
        assert_eq!(results.iter().map(|row| row["threads"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
        for row in results {
            assert_eq!((&row["rows"], &row["shape"]), (&20000.into(), &shape.into()));
            for method in ["em", "gibbs"] {
                for (field, value) in row[method].as_object().unwrap() {
                    let value = value.as_f64().unwrap();
                    assert!(value.is_finite() && value > 0.0, "{shape} {method} {field}: {value}");
                }
            }
        }
    }
}

#[test]
fn the_smallest_problems_and_one_thread_fit_into_one_row_of_a_table() {
    for size in [["2", "1", "1"], ["5", "3", "5"]] {
        let [rows, dim, components] = size;
        let size = ["--rows", rows, "--dim", dim, "--components", components];
        let output = bench(&[&size[..], &["--threads", "1", "--seconds", "0"]].concat());
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert_eq!(stdout.lines().filter(|line| line.starts_with('|')).count(), 3, "{stdout}");
    }
}

#[test]
fn arguments_that_cannot_be_are_refused_with_status_2() {
    let refused: [(&[&str], &str); 8] = [
        (&["--rows", "3", "--components", "4"], "4 components need at least as many rows, not 3"),
        (&["--rows", "2147483648", "--dim", "1000"], "more than 2147483648 numbers"),
        (&["--rows", "0"], "0 is not in 1.."),
        (&["--dim", "-1"], "unexpected argument"),
        (&["--components", "many"], "invalid digit"),
        (&["--shape", "round"], "full, diagonal or isotropic"),
        (&["--seconds", "NaN"], "a number of seconds"),
        (&["--threads", "0"], "0 is not in 1.."),
    ];
    for (arguments, expected) in refused {
        let output = bench(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{stderr}");
        let words = stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(expected), "{expected:?} is not said of {arguments:?}:\n{stderr}");
        assert!(output.stdout.is_empty());
    }
}
