//! The folder of a verification.

use std::path::PathBuf;
use std::time::SystemTime;

use std::io::Write as _;

use gmm_core::InstructionSet;
use serde::Serialize;

use super::VerifyArgs;
use super::checkpoint::Found;
use super::signs::Timing;
use super::summary::VerificationSummary;
use crate::config;
use crate::digest::{Digested, of_file};
use crate::experiment::Experiment;
use crate::output::{OutputError, ResultsDir};
use crate::report::verification_page;
use crate::report_files::write_report;

/// What results depend on, as a digest: the program to its last byte, the instructions that it runs on, the experiment with every
/// default filled in, its data, and the arguments. Threads and folders are not part of it.
pub(super) fn key(experiment: &Experiment, args: &VerifyArgs) -> String {
    let program = std::env::current_exe().and_then(|path| of_file(&path)).unwrap_or_default();
    let VerifyArgs { fit, rows, exact, replications, false_alarm, .. } = args;
    let mut to = Digested::new(std::io::sink());
    let _ = write!(
        to,
        "{} {program} {}\n{}\n{}\n{fit:?} {rows:?} {exact:?} {replications:?} {false_alarm:e}",
        env!("CARGO_PKG_VERSION"),
        InstructionSet::best().name(),
        config::to_ron(&experiment.config),
        experiment.data.sha256,
    );
    to.finish().0
}

/// What ran where, and how long: everything that is not a result.
#[derive(Debug, Serialize)]
struct Manifest {
    program: &'static str,
    version: &'static str,
    os: &'static str,
    architecture: &'static str,
    instruction_set: &'static str,
    threads: usize,
    started_unix_seconds: u64,
    seconds: f64,
    /// Results that an earlier run had computed.
    resumed: usize,
    parts: Vec<Timing>,
}

/// The folder of results while a verification runs.
pub(super) struct Writer<'a> {
    experiment: &'a Experiment,
    folder: ResultsDir,
    started: SystemTime,
    resumed: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(experiment: &'a Experiment, folder: ResultsDir, found: Found) -> Result<Self, OutputError> {
        folder.write("experiment.ron", config::to_ron(&experiment.config).as_bytes())?;
        let resumed = if let Found::Results(n) = found { n } else { 0 };
        Ok(Self { experiment, folder, started: SystemTime::now(), resumed })
    }

    /// Writes everything and puts it in its place.
    pub(super) fn finish(self, summary: &VerificationSummary, parts: Vec<Timing>) -> Result<PathBuf, OutputError> {
        self.folder.write("verification.json", &json(summary))?;
        write_report(self.folder.path(), &verification_page(&self.experiment.data, summary))?;
        let manifest = Manifest {
            program: "gmm",
            version: env!("CARGO_PKG_VERSION"),
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            instruction_set: InstructionSet::best().name(),
            threads: rayon::current_num_threads(),
            started_unix_seconds: self.started.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            seconds: self.started.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()),
            resumed: self.resumed,
            parts,
        };
        self.folder.write("manifest.json", &json(&manifest))?;
        self.folder.finish()
    }
}

fn json(what: &impl Serialize) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(what).unwrap_or_default();
    json.push(b'\n');
    json
}
