//! `gmm study`: what it leaves on disk, that nothing depends on threads or kills, and that its measures are right.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use common::Tmpfs;
use experiments::study::{MeasureName, StudySummary};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

const FITS: &str = "Em(restarts: 2), Gibbs(chains: 1, warmup: 20, draws: 50)";
const DATA: &str = "SimulateSeparated(n: [40, 80], components: 2, dims: 1, separation: AverageOverlap(0.05))";

fn config(folder: &Path, replicates: usize, data: &str, model: &str, fits: &str) -> PathBuf {
    let text = format!(
        "Study(name: \"small\", seed: 3, replicates: {replicates}, test_rows: 50, data: {data}, model: ({model}), fits: [{fits}])"
    );
    let path = folder.join(format!("small-{replicates}-{}.ron", text.len()));
    std::fs::write(&path, text).unwrap();
    path
}

fn command(config: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gmm"));
    command.arg("study").arg(config).arg("--out").arg(out).args(more);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs to the end, and returns what was said.
fn study(config: &Path, out: &Path, more: &[&str]) -> String {
    let output = command(config, out, more).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn summary(out: &Path) -> StudySummary {
    StudySummary::from_json(&std::fs::read_to_string(out.join("small/study.json")).unwrap()).unwrap()
}

/// All files but for seconds: names and bytes.
fn files(out: &Path) -> Vec<(String, Vec<u8>)> {
    let names = ["estimates.parquet", "fits.parquet", "measures.csv", "study.ron"];
    let mut all: Vec<(String, Vec<u8>)> =
        names.iter().map(|name| ((*name).to_owned(), std::fs::read(out.join("small").join(name)).unwrap())).collect();
    let without_seconds = StudySummary { seconds: Vec::new(), ..summary(out) };
    all.push(("study.json".to_owned(), without_seconds.to_json().unwrap().into_bytes()));
    let mut there: Vec<String> = std::fs::read_dir(out.join("small"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".damaged"))
        .collect();
    there.sort();
    assert_eq!(
        there,
        [
            ".gmm-study",
            "estimates.parquet",
            "figures",
            "fits.parquet",
            "measures.csv",
            "report.html",
            "report.json",
            "seconds.parquet",
            "study.json",
            "study.ron"
        ]
    );
    all
}

fn assert_same(a: &Path, b: &Path) {
    for ((name, a), (_, b)) in files(a).into_iter().zip(files(b)) {
        assert!(a == b, "{name} differs");
    }
}

/// The rows of a table, each column as text.
fn rows(path: &Path) -> Vec<Vec<(String, Field)>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect())
        .collect()
}

/// The rows of a table but for what depends on the grid around them.
fn contents(path: &Path) -> BTreeSet<String> {
    let of_grid = ["cell", "reported", "data_n", "model_components"];
    let kept = |row: Vec<(String, Field)>| row.into_iter().filter(|(name, _)| !of_grid.contains(&name.as_str()));
    rows(path).into_iter().map(|row| format!("{:?}", kept(row).collect::<Vec<_>>())).collect()
}

fn field<'a>(row: &'a [(String, Field)], name: &str) -> &'a Field {
    &row.iter().find(|(found, _)| found == name).unwrap().1
}

#[test]
fn a_study_that_is_killed_at_twenty_moments_ends_with_the_bytes_of_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    let config = config(folder.path(), 150, DATA, "components: [1, 2]", FITS);
    let started = Instant::now();
    study(&config, &whole, &["--threads", "1"]);
    let took = started.elapsed();
    let mut state = 7u64;
    let mut ended = 0;
    for kill in 0..20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let threads = ["1", "2", "3"][kill % 3];
        let mut child = command(&config, &killed, &["--threads", threads])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Between 1 % and 7 % of a whole run: twenty of them come to about one, so that most find the process at work.
        let share = 0.01 + 0.06 * (state >> 11) as f64 / (1u64 << 53) as f64;
        std::thread::sleep(took.mul_f64(share));
        child.kill().unwrap();
        ended += usize::from(child.wait().unwrap().success());
    }
    let last = study(&config, &killed, &["--threads", "2"]);
    assert!(ended < 10, "{ended} of 20 kills came after the end");
    // Something had been computed before, and was not computed again.
    assert!(last.contains("replicates are there already"), "{last}");
    assert_same(&whole, &killed);
}

#[test]
fn kills_while_tables_are_written_and_torn_files_cost_nothing_or_are_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, out] = ["whole", "out"].map(|name| folder.path().join(name));
    let config = config(folder.path(), 5, DATA, "", FITS);
    study(&config, &whole, &[]);
    study(&config, &out, &[]);
    let results = out.join("small");
    let tables = ["estimates", "seconds", "fits"];
    // As between the tables and the removal of the parts: everything is there twice.
    let parts = results.join("parts");
    std::fs::create_dir(&parts).unwrap();
    let copy = |number: u32, names: &[&str]| {
        for name in names {
            let to = parts.join(format!("{number:06}-{name}.parquet"));
            std::fs::copy(results.join(format!("{name}.parquet")), to).unwrap();
        }
    };
    copy(0, &tables);
    // A part that lacks its last file does not count.
    copy(1, &tables[..2]);
    std::fs::write(parts.join("000002-fits.parquet"), b"PAR1").unwrap();
    std::fs::write(parts.join(".000003-fits.parquet.1.0.tmp"), b"PA").unwrap();
    let said = study(&config, &out, &[]);
    // Nothing is computed again, and the torn file alone is named.
    assert!(said.contains("10 of 10 replicates are there already"), "{said}");
    assert!(said.contains("000002-fits.parquet cannot be used"), "{said}");
    assert_eq!(said.matches("cannot be used").count(), 1, "{said}");
    assert_same(&whole, &out);
    // As after the first table of the very first merge: parts hold the rest.
    std::fs::create_dir(&parts).unwrap();
    copy(7, &tables);
    ["fits", "seconds"].iter().for_each(|name| std::fs::remove_file(results.join(format!("{name}.parquet"))).unwrap());
    study(&config, &out, &[]);
    assert_same(&whole, &out);
    // A torn table is set aside and computed again.
    let fits = results.join("fits.parquet");
    let bytes = std::fs::read(&fits).unwrap();
    std::fs::write(&fits, &bytes[..bytes.len() / 2]).unwrap();
    let said = study(&config, &out, &[]);
    assert!(said.contains("fits.parquet cannot be used") && results.join("fits.parquet.damaged").exists(), "{said}");
    assert_same(&whole, &out);
    // So are tables of other programs.
    common::write_parquet(&fits, (3, 2), 3, |i, j| (i + j) as f64, None);
    assert!(study(&config, &out, &[]).contains("fits.parquet cannot be used"));
    assert_same(&whole, &out);
}

#[test]
fn a_flipped_bit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, out] = ["whole", "out"].map(|name| folder.path().join(name));
    let config = config(folder.path(), 3, DATA, "", FITS);
    study(&config, &whole, &[]);
    study(&config, &out, &[]);
    let (mut state, mut noticed) = (11u64, 0);
    for flip in 0..12 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = ["fits.parquet", "estimates.parquet", "seconds.parquet"][flip % 3];
        let path = out.join("small").join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let bit = (state >> 20) as usize % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();
        let said = study(&config, &out, &[]);
        // A bit that no value depends on may be passed over: the tables are written again all the same.
        noticed += usize::from(said.contains(&format!("{name} cannot be used")));
        assert_same(&whole, &out);
    }
    assert!(noticed >= 8, "{noticed} of 12");
}

#[test]
fn a_kill_while_parts_are_removed_leaves_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, out] = ["whole", "out"].map(|name| folder.path().join(name));
    let config = config(folder.path(), 3, DATA, "", FITS);
    study(&config, &whole, &[]);
    study(&config, &out, &[]);
    let old = out.join("small/.parts.retired");
    std::fs::create_dir(&old).unwrap();
    std::fs::copy(out.join("small/fits.parquet"), old.join("000000-fits.parquet")).unwrap();
    let said = study(&config, &out, &[]);
    assert!(!said.contains("cannot be used") && said.contains("6 of 6 replicates are there already"), "{said}");
    assert_same(&whole, &out);
}

#[test]
fn what_is_there_does_not_change_when_replicates_cells_and_fits_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let [fresh, grown] = ["fresh", "grown"].map(|name| folder.path().join(name));
    let small = config(folder.path(), 3, DATA, "components: 2", FITS);
    let more = DATA.replace("[40, 80]", "[30, 80, 40]");
    let large =
        config(folder.path(), 5, &more, "components: [1, 2]", &format!("Em(name: \"once\", restarts: 1), {FITS}"));
    study(&small, &grown, &[]);
    let before = ["fits.parquet", "estimates.parquet"].map(|name| contents(&grown.join("small").join(name)));
    assert_eq!(before[0].len(), 2 * 3 * 2);
    study(&large, &grown, &[]);
    study(&large, &fresh, &[]);
    assert_same(&fresh, &grown);
    for (before, name) in before.iter().zip(["fits.parquet", "estimates.parquet"]) {
        assert!(before.is_subset(&contents(&fresh.join("small").join(name))), "{name}");
    }
    // The study as used is the same study.
    let said = study(&grown.join("small/study.ron"), &grown, &[]);
    assert!(said.contains("30 of 30 replicates are there already"), "{said}");
    assert_same(&fresh, &grown);
    // What the config has no more is kept and not reported, and is there when it comes back.
    study(&small, &grown, &[]);
    assert_eq!(summary(&grown).cells.len(), 2);
    let all = rows(&grown.join("small/fits.parquet"));
    let reported = all.iter().filter(|row| *field(row, "reported") == Field::Bool(true)).count();
    assert_eq!((all.len(), reported), (3 * 2 * 5 * 3, 2 * 3 * 2));
    let said = study(&large, &grown, &["--threads", "1"]);
    assert!(said.contains("30 of 30 replicates are there already"), "nothing is missing: {said}");
    assert_same(&fresh, &grown);
    // Cells that differ in the fit alone have the same rows: the log-likelihood of the truth is the same.
    let of_cell = |cell: i64| -> Vec<String> {
        let rows = rows(&fresh.join("small/fits.parquet"));
        let here = rows.iter().filter(|row| *field(row, "cell") == Field::Long(cell));
        here.map(|row| field(row, "ln_likelihood_of_truth").to_string()).collect()
    };
    assert_eq!(of_cell(0), of_cell(1));
    assert_ne!(of_cell(0), of_cell(2));
}

#[test]
fn failed_fits_and_mixtures_that_cannot_be_are_rows() {
    let folder = tempfile::tempdir().unwrap();
    let data = "Simulate(n: [3, 60], mixture: (weights: [1, 1], means: [[-3], [3]], covariances: [Isotropic(1), Isotropic(1)]))";
    let config_of = |data: &str, fits: &str| config(folder.path(), 4, data, "components: 4", fits);
    let said = study(&config_of(data, FITS), &folder.path().join("fits"), &[]);
    assert!(said.contains("failed 4 times: em at rows 3: "), "{said}");
    let found = summary(&folder.path().join("fits"));
    let first: Vec<_> = found.failures.iter().map(|f| (f.cell, f.fit.as_str(), f.count)).take(2).collect();
    assert_eq!(first, [(0, "em", 4), (0, "gibbs", 4)]);
    let failed = |cell: usize| found.measure(cell, "em", None, MeasureName::ShareFailed).unwrap().value;
    assert!(failed(0) == Some(1.0) && failed(1) < Some(1.0));
    assert_eq!(rows(&folder.path().join("fits/small/fits.parquet")).len(), 16);
    // Another number of components than the truth: no measures of parameters.
    assert!(found.measures.iter().all(|measure| measure.parameter.is_none()));
    // No mixture has that much overlap.
    let data = "SimulateSeparated(n: 60, components: 3, dims: 3, separation: [AverageOverlap(0.999), C(1.0)],
        condition: 20.0, weights: Given([1, 2, 5]))";
    study(&config_of(data, FITS), &folder.path().join("data"), &[]);
    let found = summary(&folder.path().join("data"));
    let reason = &found.failures[0];
    assert!(reason.cell == 0 && reason.count == 4 && reason.reason.contains("was not reached"), "{reason:?}");
    let table = rows(&folder.path().join("data/small/fits.parquet"));
    assert_eq!(table.iter().filter(|row| *field(row, "status") == Field::Str("no_data".to_owned())).count(), 8);
    assert_eq!((found.cells[0].average_overlap, found.cells[1].average_overlap.is_some()), (None, true));
}

#[test]
fn what_no_cell_can_have_and_other_studies_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |config: &Path, more: &[&str], words: &[&str]| {
        let output = command(config, &out, more).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        words.iter().for_each(|word| assert!(said(&output).contains(word), "{word} in {}", said(&output)));
    };
    let of = |data: &str, fits: &str| config(folder.path(), 2, data, "", fits);
    refused(&of(DATA, "Em(restarts: 0)"), &[], &["fits[0].restarts"]);
    refused(&of(&DATA.replace("0.05", "2.0"), FITS), &[], &["data.separation", "it must be positive"]);
    refused(&of(&DATA.replace("[40, 80]", "[]"), FITS), &[], &["data.n", "an empty list"]);
    refused(&of(&DATA.replace("[40, 80]", "[40, 40]"), FITS), &[], &["data.n[1]", "given twice"]);
    refused(&of(&DATA.replace("dims: 1", "dims: 1, weights: Given([1])"), FITS), &[], &["data.weights", "1 weights"]);
    refused(&of(&DATA.replace("dims: 1", "dims: 1, outliers: 1.5"), FITS), &[], &["data.outliers"]);
    assert!(!out.exists());
    let config = of(DATA, FITS);
    study(&config, &out, &[]);
    let before = files(&out);
    refused(&config, &["--seed", "4"], &["holds another study", "the seed is 3, not 4"]);
    refused(&config, &["--show", "2,0"], &["there is no cell 2: they count from 0 to 1"]);
    refused(&config, &["--show", "0,2"], &["there is no replicate 2"]);
    assert!(before == files(&out));
    // A run of the same name does not replace it, nor a study a run.
    let shown = command(&config, &out, &["--show", "0,0"]).output().unwrap().stdout;
    let run = folder.path().join("run.ron");
    std::fs::write(&run, String::from_utf8(shown).unwrap().replace("small-0-0", "small")).unwrap();
    let gmm = |out: &Path| {
        Command::new(assert_cmd::cargo::cargo_bin!("gmm")).arg("run").arg(&run).arg("--out").arg(out).output()
    };
    assert_eq!(gmm(&out).unwrap().status.code(), Some(1));
    assert!(before == files(&out));
    let other = folder.path().join("other");
    assert_eq!(gmm(&other).unwrap().status.code(), Some(0));
    assert_eq!(command(&config, &other, &[]).output().unwrap().status.code(), Some(1));
}

#[test]
fn any_replicate_can_be_repeated_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = DATA.replace("dims: 1", "dims: 2, outliers: [0, 0.1], mixtures: Once").replace("[40, 80]", "60");
    let config = config(folder.path(), 3, &data, "covariance: Free(Diagonal)", FITS);
    study(&config, folder.path(), &[]);
    let shown = command(&config, folder.path(), &["--show", "1,2"]).output().unwrap();
    let alone = folder.path().join("alone.ron");
    std::fs::write(&alone, &shown.stdout).unwrap();
    let run = Command::new(assert_cmd::cargo::cargo_bin!("gmm"))
        .arg("run")
        .arg(&alone)
        .arg("--out")
        .arg(folder.path())
        .output();
    assert_eq!(run.as_ref().unwrap().status.code(), Some(0), "{}", said(run.as_ref().unwrap()));
    let json = std::fs::read(folder.path().join("small-1-2/summary.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let is_it = |row: &&Vec<(String, Field)>, fit: &str| {
        *field(row, "cell") == Field::Long(1)
            && *field(row, "replicate") == Field::Long(2)
            && *field(row, "fit") == Field::Str(fit.to_owned())
    };
    let double = |field: &Field| if let Field::Double(x) = field { *x } else { f64::NAN };
    let (fits, estimates) =
        (rows(&folder.path().join("small/fits.parquet")), rows(&folder.path().join("small/estimates.parquet")));
    for (i, fit) in ["em", "gibbs"].iter().enumerate() {
        let row = fits.iter().find(|row| is_it(row, fit)).unwrap();
        assert_eq!(double(field(row, "ln_likelihood")), json["fits"][i]["ln_likelihood"].as_f64().unwrap());
        assert_eq!(double(field(row, "ln_likelihood_of_truth")), json["truth_ln_likelihood"].as_f64().unwrap());
        assert_eq!(
            double(field(row, "adjusted_rand_index")),
            json["comparison"][i]["adjusted_rand_index"].as_f64().unwrap()
        );
        assert_eq!(double(field(row, "average_overlap")), json["truth"]["overlap"]["average"].as_f64().unwrap());
        let mean = estimates
            .iter()
            .find(|row| is_it(row, fit) && *field(row, "parameter") == Field::Str("means[1,0]".to_owned()));
        let mean = mean.unwrap();
        assert_eq!(double(field(mean, "estimate")), json["fits"][i]["mixture"]["means"][1][0].as_f64().unwrap());
        assert_eq!(double(field(mean, "truth")), json["truth"]["means"][1][0].as_f64().unwrap());
    }
    let upper = estimates
        .iter()
        .find(|row| is_it(row, "em") && *field(row, "parameter") == Field::Str("weights[0]".to_owned()));
    let interval = &json["fits"][0]["standard_errors"]["intervals"][0];
    assert_eq!(double(field(upper.unwrap(), "upper_90")), interval["upper"].as_f64().unwrap());
    // A tenth of the rows are outliers: a class of their own, after the others.
    let data = std::fs::read_to_string(folder.path().join("small-1-2/data.csv")).unwrap();
    assert_eq!(data.lines().filter(|line| line.ends_with(",outlier")).count(), 6);
    assert!(data.lines().rev().take(6).all(|line| line.ends_with(",outlier")));
}

#[test]
fn intervals_cover_as_often_as_they_say_and_errors_are_what_they_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let data = "Simulate(n: 400, mixture: (weights: [0.4, 0.6], means: [[-4], [4]], covariances: [Isotropic(1), Isotropic(2)]))";
    let config = config(folder.path(), 400, data, "", "Em(restarts: 2), Gibbs(chains: 1, warmup: 50, draws: 300)");
    study(&config, folder.path(), &[]);
    let found = summary(folder.path());
    assert!(found.failures.is_empty());
    for fit in ["em", "gibbs"] {
        let measure = |parameter: &str, name: MeasureName| found.measure(0, fit, Some(parameter), name).unwrap();
        let near = |parameter: &str, name: MeasureName, expected: f64| {
            let found = measure(parameter, name);
            let (value, mcse) = (found.value.unwrap(), found.mcse.unwrap());
            assert_eq!(found.n, 400);
            // 4 standard errors: a false alarm in 16,000 seeds for each of 32 figures.
            assert!(
                (value - expected).abs() < 4.0 * mcse,
                "{fit} {parameter} {name:?}: {value} +- {mcse}, not {expected}"
            );
        };
        for parameter in ["weights", "means", "variances", "means[0,0]", "weights[1]"] {
            near(parameter, MeasureName::Coverage90, 0.9);
            near(parameter, MeasureName::Coverage50, 0.5);
        }
        // Components so far apart are known: standard errors are those of their rows.
        near("means[0,0]", MeasureName::EmpiricalSe, (1.0f64 / 160.0).sqrt());
        near("means[1,0]", MeasureName::Rmse, (2.0f64 / 240.0).sqrt());
        near("weights", MeasureName::EmpiricalSe, (0.24f64 / 400.0).sqrt());
        near("means[0,0]", MeasureName::Bias, 0.0);
        let ratio = measure("means", MeasureName::ModelSe).value.unwrap()
            / measure("means", MeasureName::EmpiricalSe).value.unwrap();
        assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
        let divergence = found.measure(0, fit, None, MeasureName::KlDivergence).unwrap();
        // Wilks: the mean divergence of maximum likelihood is p / (2 n).
        let expected = 5.0 / 800.0;
        assert!((divergence.value.unwrap() / expected - 1.0).abs() < 0.5, "{divergence:?}");
    }
}

#[test]
fn a_disk_that_fills_up_ends_the_study_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = Tmpfs::mount(&disk, "size=96k") else { return };
    let config = config(folder.path(), 60, DATA, "", FITS);
    let output = command(&config, &disk, &["--threads", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("could not write"), "{}", said(&output));
    let larger = Command::new("mount").args(["-o", "remount,size=8m"]).arg(&disk).status().unwrap();
    assert!(larger.success());
    study(&config, &disk, &[]);
    let whole = folder.path().join("whole");
    study(&config, &whole, &[]);
    assert_same(&whole, &disk);
}
