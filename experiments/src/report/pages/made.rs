//! The end of the report of a run: which program, where, from what, and how long each part took.

use gmm_core::InstructionSet;

use crate::experiment::Experiment;
use crate::fitted::{FitResult, Outcome};
use crate::posterior::GibbsSeconds;
use crate::report::numbers::seconds;
use crate::report::page::{Block, Table, number, word};

/// Program, platform, seed, data and times.
pub(super) fn how(experiment: &Experiment, outcome: &Outcome) -> Vec<Block> {
    let platform = format!("{}, {}", std::env::consts::OS, std::env::consts::ARCH);
    let facts = [
        ("Program", format!("gmm {}", env!("CARGO_PKG_VERSION"))),
        ("Platform", platform),
        ("Instruction set", InstructionSet::best().name().to_owned()),
        ("Threads", rayon::current_num_threads().to_string()),
        ("Seed", experiment.seed.to_string()),
        ("Data", experiment.data.source.clone()),
        ("SHA-256 of the data", experiment.data.sha256.clone()),
    ];
    let mut blocks = vec![Block::Facts(facts.map(|(name, text)| (name.to_owned(), text)).into())];
    if !outcome.fits.is_empty() {
        blocks.push(Block::Table(times(outcome)));
    }
    blocks.push(Block::text(
        "The same experiment.ron and data give the same numbers, bit for bit, on any number of threads of the same instruction \
         set; times differ.",
    ));
    blocks
}

/// How long each fit took; of Gibbs sampling by phase, those phases that took any time.
fn times(outcome: &Outcome) -> Table {
    let of_gibbs = |fit: &FitResult| fit.gibbs.as_ref().map(|gibbs| gibbs.seconds);
    let ran: Vec<_> =
        PHASES.iter().filter(|(_, of)| outcome.fits.iter().filter_map(of_gibbs).any(|all| of(&all) > 0.0)).collect();
    let mut header = vec![word("fit"), number("time")];
    header.extend(ran.iter().map(|(name, _)| number(*name)));
    let row = |fit: &FitResult| {
        let phases = ran.iter().map(|(_, of)| of_gibbs(fit).map(|all| of(&all)).filter(|x| *x > 0.0));
        let mut row = vec![word(&fit.name), number(seconds(fit.seconds))];
        row.extend(phases.map(|time| number(time.map_or_else(String::new, seconds))));
        row
    };
    Table { title: "Time".to_owned(), header, rows: outcome.fits.iter().map(row).collect(), ..Table::default() }
}

/// A phase of Gibbs sampling: its name, and how long it took.
type Phase = (&'static str, fn(&GibbsSeconds) -> f64);

const PHASES: [Phase; 8] = [
    ("starts", |all| all.starts),
    ("sampling", |all| all.sampling),
    ("labels", |all| all.labels),
    ("summaries", |all| all.summaries),
    ("evidence", |all| all.evidence),
    ("accuracy", |all| all.accuracy),
    ("partition", |all| all.partition),
    ("checks", |all| all.checks),
];
