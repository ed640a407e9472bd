//! `gmm study`: a grid of experiments, each replicated, and how well the fits did in each cell.
//!
//! ```text
//! study (as written) -- grid --> cells, fits;   cell + replicate -- grid --> experiment, as any other
//! experiment -- resolve, run --> fitted -- replicate --> records -- store --> results/<name>/*.parquet
//! records -- formulas, measures, results --> summary --> study.json, measures.csv, terminal
//! ```

mod summary;

mod grid;

mod record;

mod replicate;

mod rows;
mod table;

mod error;

mod store;

mod formulas;
mod measures;
mod results;

mod signs;
mod work;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{self, Study, study_to_ron};
use crate::output::OutputError;
use crate::report::study_page;
use crate::report_files::write_report;
pub(crate) use error::StudyError;
use grid::Grid;
use record::{Key, Status};
use replicate::run_replicate;
use signs::Signs;
use store::Store;
pub use summary::{
    CellSummary, Factor, FactorValue, FailureCount, FitSeconds, Measure, MeasureName, StudyFit, StudySummary,
};

/// What `gmm study` is told.
#[derive(Debug, Args)]
pub(crate) struct StudyArgs {
    /// The study.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The folder that holds the folder of results, named after the study. What is there of the same study is kept, and what
    /// is missing is added.
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Replaces the seed of the study.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Replaces the number of replicates of each cell.
    #[arg(long, value_name = "N")]
    replicates: Option<usize>,
    /// Threads to run on; all processors if left out. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Prints the experiment that a replicate of a cell is, both counted from 0, for `gmm run`; nothing is run.
    #[arg(long, value_name = "CELL,REPLICATE", value_parser = cell_and_replicate)]
    show: Option<(usize, u64)>,
    /// Prints nothing but errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

fn cell_and_replicate(text: &str) -> Result<(usize, u64), String> {
    let numbers = text.split_once(',').and_then(|(cell, replicate)| {
        Some((cell.trim().parse::<usize>().ok()?, replicate.trim().parse::<u64>().ok()?))
    });
    numbers.ok_or_else(|| format!("{text:?} is not the numbers of a cell and a replicate, as in `0,17`"))
}

/// What came of a study.
pub(crate) enum Outcome {
    /// An experiment that was asked for, in RON.
    Shown(String),
    /// The study is complete.
    Done {
        /// What it found.
        summary: Box<StudySummary>,
        /// Where.
        path: PathBuf,
    },
}

/// The grid of a study in words, its first replicates tried as far as can be without running.
///
/// # Errors
/// [`StudyError::Input`].
pub(crate) fn check(study: Study, source: config::Source, path: &Path) -> Result<String, StudyError> {
    let grid = Grid::new(study, source, path.parent().unwrap_or(Path::new("")).to_path_buf())?;
    grid.check()?;
    let values = |axis: &grid::Axis| {
        let values: Vec<String> = axis.values.iter().map(ToString::to_string).collect();
        format!("  {} ({}): {}", axis.name, axis.label, values.join(", "))
    };
    let (cells, replicates) = (grid.cells.len(), grid.study.replicates);
    let names: Vec<&str> = grid.fits.iter().map(|fit| fit.name.as_str()).collect();
    let head = format!(
        "{}: a study of {cells} cell{}, {replicates} replicate{} of each; fits {}",
        grid.study.name,
        if cells == 1 { "" } else { "s" },
        if replicates == 1 { "" } else { "s" },
        names.join(", ")
    );
    Ok(std::iter::once(head).chain(grid.factors.iter().map(values)).collect::<Vec<_>>().join("\n"))
}

/// Runs what is missing of a study, and writes its results.
///
/// # Errors
/// [`StudyError`]; what reached the disk before stays, and the same command goes on from there.
pub(crate) fn study(
    args: &StudyArgs,
    threads: usize,
    bars: bool,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Outcome, StudyError> {
    let (mut study, source) = config::load_study(&args.config)?;
    study.seed = args.seed.unwrap_or(study.seed);
    study.replicates = args.replicates.unwrap_or(study.replicates);
    let folder = args.config.parent().unwrap_or(Path::new("")).to_path_buf();
    let grid = Grid::new(study, source, folder)?;
    if let Some(place) = args.show {
        return show(&grid, place).map(Outcome::Shown);
    }
    grid.check()?;
    let store = Store::open(&args.out, &grid, say)?;
    let units = missing(&grid, &store);
    let all = grid.cells.len() * grid.study.replicates;
    if units.len() < all {
        say(&format!("{} of {all} replicates are there already", all - units.len()));
    }
    let signs = Signs::new(bars, units.len(), say);
    let work = |unit: usize| {
        let Unit { cell, replicate, fits } = &units[unit];
        let records = run_replicate(&grid, &grid.cells[*cell], *replicate, fits);
        let failures = records.iter().filter(|record| record.row.status != Status::Done).count();
        store.add(records)?;
        signs.done(failures);
        Ok(())
    };
    let worked = work::on_threads(threads, units.len(), work);
    // After an error too: what can still be kept is.
    let flushed = store.flush();
    worked?;
    flushed?;
    drop(signs);
    finish(&grid, store)
}

/// A replicate of a cell, and the fits of it that are missing.
struct Unit {
    cell: usize,
    replicate: u64,
    fits: Vec<usize>,
}

/// Replicate after replicate of all cells, so that all cells grow alike.
fn missing(grid: &Grid, store: &Store<'_>) -> Vec<Unit> {
    let mut units = Vec::new();
    for replicate in 0..grid.study.replicates as u64 {
        for cell in &grid.cells {
            let key = |fit: &grid::PlannedFit| Key { cell: (&*cell.key).into(), replicate, fit: (&*fit.key).into() };
            let absent = |(_, fit): &(usize, &grid::PlannedFit)| !store.has(&key(fit));
            let fits: Vec<usize> = grid.fits.iter().enumerate().filter(absent).map(|(i, _)| i).collect();
            if !fits.is_empty() {
                units.push(Unit { cell: cell.number, replicate, fits });
            }
        }
    }
    units
}

fn finish(grid: &Grid, store: Store<'_>) -> Result<Outcome, StudyError> {
    let store::Finished { folder, reported } = store.finish()?;
    let summary = results::summarise(grid, &reported);
    let fail =
        |name: &str, error: String| OutputError::io("encode", &folder.path().join(name))(std::io::Error::other(error));
    let ron = study_to_ron(&grid.study);
    folder.write("study.ron", ron.as_bytes())?;
    let csv = results::measures_csv(&summary).map_err(|error| fail("measures.csv", error.to_string()))?;
    folder.write("measures.csv", &csv)?;
    let json = summary.to_json().map_err(|error| fail("study.json", error.to_string()))?;
    folder.write("study.json", json.as_bytes())?;
    write_report(folder.path(), &study_page(&summary, &ron))?;
    Ok(Outcome::Done { summary: Box::new(summary), path: folder.path().to_path_buf() })
}

/// The experiment of a replicate, in RON.
fn show(grid: &Grid, (cell, replicate): (usize, u64)) -> Result<String, StudyError> {
    let no_such = |what, asked, n: usize| StudyError::NoSuch { what, asked, last: (n as u64).saturating_sub(1) };
    let found = grid.cells.get(cell).ok_or_else(|| no_such("cell", cell as u64, grid.cells.len()))?;
    if replicate >= grid.study.replicates as u64 {
        return Err(no_such("replicate", replicate, grid.study.replicates));
    }
    let all: Vec<usize> = (0..grid.fits.len()).collect();
    Ok(config::to_ron(&grid.experiment(found, replicate, &all)))
}
