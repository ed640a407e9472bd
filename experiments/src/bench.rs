//! `gmm bench`: how fast EM and Gibbs sampling run on this machine, as a table to paste or as JSON.

mod measure;

use std::time::Duration;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use gmm_core::{InstructionSet, Shape};
use serde::Serialize;
use thiserror::Error;

use measure::{Timing, measure};

/// More numbers than this (16 GiB) are refused rather than asked of the allocator.
const MOST_VALUES: usize = 1 << 31;

/// What the GFLOP/s of a report mean.
const FORMULA: &str = "\
Seconds of an EM iteration and of a stored Gibbs draw, all included, over n K. Nominal GFLOP/s: 2 (e + d) for the
quadratic form of a row and component and as much for its statistics, e = d (d + 1) / 2 | d | 0 for full | diagonal |
isotropic covariances: EM 4 n K (e + d); Gibbs, whose rows count for one component each, 2 n (K + 1) (e + d).";

/// The options of `gmm bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Number of rows, n. With any of n, d, K and the shape given one problem is measured, else a few.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 31))]
    rows: Option<u64>,
    /// Dimension, d.
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u64).range(1..=1000))]
    dim: Option<u64>,
    /// Number of components, K.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=1000))]
    components: Option<u64>,
    /// Shape of the covariances: full, diagonal or isotropic.
    #[arg(long, value_name = "SHAPE", value_parser = shape)]
    shape: Option<Shape>,
    /// The most threads to measure, besides one; all processors if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// About how long to measure in all. Every problem is measured a few times, however long it takes.
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    seconds: Duration,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Why nothing was measured.
#[derive(Debug, Clone, PartialEq, Error)]
pub(crate) enum BenchError {
    /// The problem asked for cannot be.
    #[error("{0}")]
    Input(String),
    /// It failed while running.
    #[error("{0}")]
    Running(String),
}

/// The size of a problem.
#[derive(Debug, Clone, Copy)]
struct Case {
    n: usize,
    d: usize,
    k: usize,
    shape: Shape,
}

/// What a report shows, with the field names of the JSON.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    platform: String,
    instruction_set: &'static str,
    results: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    rows: usize,
    dim: usize,
    components: usize,
    shape: &'static str,
    threads: usize,
    em: Speed,
    gibbs: Speed,
}

#[derive(Debug, Serialize)]
struct Speed {
    /// Of one iteration or draw, the median of the rounds.
    seconds: f64,
    fastest_seconds: f64,
    slowest_seconds: f64,
    rounds: usize,
    ns_per_row_component: f64,
    nominal_gflops: f64,
}

/// Measures, and returns what to print.
///
/// # Errors
/// [`BenchError`]: a problem that cannot be, or that failed.
pub(crate) fn bench(args: &BenchArgs) -> Result<String, BenchError> {
    let cases = args.cases();
    for case in &cases {
        case.check()?;
    }
    let most = args.threads.map_or_else(rayon::current_num_threads, usize::from);
    let threads = if most > 1 { vec![1, most] } else { vec![1] };
    let budget = args.seconds / cases.len() as u32;
    let mut results = Vec::new();
    for case in &cases {
        results.extend(measure(case, &threads, budget)?.iter().map(|timing| Row::new(case, timing)));
    }
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        instruction_set: InstructionSet::best().name(),
        results,
    };
    match args.json {
        true => serde_json::to_string_pretty(&report).map_err(|error| BenchError::Running(error.to_string())),
        false => Ok(report.table()),
    }
}

impl BenchArgs {
    /// The one problem that was asked for, or a few that differ in what limits them.
    fn cases(&self) -> Vec<Case> {
        let case = |n, d, k, shape| Case { n, d, k, shape };
        if self.rows.is_none() && self.dim.is_none() && self.components.is_none() && self.shape.is_none() {
            return vec![
                case(100_000, 2, 8, Shape::Full),
                case(100_000, 10, 8, Shape::Full),
                case(50_000, 32, 16, Shape::Full),
                case(100_000, 10, 8, Shape::Diagonal),
                case(100_000, 10, 8, Shape::Isotropic),
            ];
        }
        let given = |number: Option<u64>, default: usize| number.map_or(default, |number| number as usize);
        vec![case(
            given(self.rows, 100_000),
            given(self.dim, 10),
            given(self.components, 8),
            self.shape.unwrap_or(Shape::Full),
        )]
    }
}

impl Case {
    fn check(&self) -> Result<(), BenchError> {
        let Case { n, d, k, .. } = *self;
        if n < k {
            return Err(BenchError::Input(format!("{k} components need at least as many rows, not {n}")));
        }
        match n.checked_mul(d) {
            Some(values) if values <= MOST_VALUES => Ok(()),
            _ => Err(BenchError::Input(format!("{n} rows of {d} are more than {MOST_VALUES} numbers"))),
        }
    }

    /// See [`FORMULA`].
    fn flops(&self) -> (f64, f64) {
        let (n, d, k) = (self.n as f64, self.d as f64, self.k as f64);
        let e = match self.shape {
            Shape::Full => d * (d + 1.0) / 2.0,
            Shape::Diagonal => d,
            Shape::Isotropic => 0.0,
        };
        (4.0 * n * k * (e + d), 2.0 * n * (k + 1.0) * (e + d))
    }
}

impl Row {
    fn new(case: &Case, timing: &Timing) -> Self {
        let (em, gibbs) = case.flops();
        Self {
            rows: case.n,
            dim: case.d,
            components: case.k,
            shape: name(case.shape),
            threads: timing.threads,
            em: Speed::new(case, &timing.em, em),
            gibbs: Speed::new(case, &timing.gibbs, gibbs),
        }
    }
}

impl Speed {
    /// The speed from the seconds of each round (at least one).
    fn new(case: &Case, seconds: &[f64], flops: f64) -> Self {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
        Self {
            seconds: median,
            fastest_seconds: sorted[0],
            slowest_seconds: sorted[sorted.len() - 1],
            rounds: sorted.len(),
            ns_per_row_component: 1e9 * median / (case.n * case.k) as f64,
            nominal_gflops: 1e-9 * flops / median,
        }
    }
}

impl Report {
    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let header =
            ["n", "d", "K", "shape", "threads", "EM, ns", "GFLOP/s", "Gibbs, ns", "GFLOP/s", "Gibbs / EM", "rounds"];
        table.set_header(header);
        for row in &self.results {
            let speed = |s: &Speed| [format!("{:.3}", s.ns_per_row_component), format!("{:.1}", s.nominal_gflops)];
            let mut cells = vec![row.rows.to_string(), row.dim.to_string(), row.components.to_string()];
            cells.extend([row.shape.to_owned(), row.threads.to_string()]);
            cells.extend(speed(&row.em));
            cells.extend(speed(&row.gibbs));
            cells.extend([format!("{:.2}", row.gibbs.seconds / row.em.seconds), row.em.rounds.to_string()]);
            table.add_row(cells);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            // The shape is the one column of words.
            column.set_cell_alignment(if index == 3 { CellAlignment::Left } else { CellAlignment::Right });
        }
        let Self { version, platform, instruction_set, .. } = self;
        format!(
            "gmm {version} on {platform}, {instruction_set}; ns per row and component, medians\n\n{table}\n\n{FORMULA}"
        )
    }
}

fn name(shape: Shape) -> &'static str {
    match shape {
        Shape::Full => "full",
        Shape::Diagonal => "diagonal",
        Shape::Isotropic => "isotropic",
    }
}

fn shape(word: &str) -> Result<Shape, String> {
    let found = Shape::ALL.into_iter().find(|shape| name(*shape) == word);
    found.ok_or_else(|| "a shape is full, diagonal or isotropic".to_owned())
}

fn seconds(number: &str) -> Result<Duration, String> {
    let seconds = number.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds from 0 to 86400".to_owned())
}
