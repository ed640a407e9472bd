//! The command line: what a user types, what is printed, which status is left.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gmm_mcmc::{Kind, Relabelling};

use crate::bench::{BenchArgs, BenchError, bench};
use crate::compare_runs::{CompareArgs, compare_runs, write};
use crate::config::{Config, ConfigError, load_any};
use crate::experiment::{Experiment, Fit, Method, Sampling};
use crate::fitted::Outcome;
use crate::output::{OutputError, ResultsDir};
use crate::posterior::{loss, method};
use crate::progress::Progress;
use crate::report::{self, listed, terminal};
use crate::report_files::{ReportError, rebuild};
use crate::resolve::{LoadError, load};
use crate::run::run_filmed;
use crate::select::{SelectArgs, load_grid, select};
use crate::study::{self, StudyArgs, StudyError};
use crate::summary::Summary;
use crate::verify::{Plan, VerifyArgs, kept, verify};
use crate::write::Writer;

/// Fits Gaussian mixture models to simulated or real data by EM and Gibbs sampling, and compares what each recovered.
///
/// An experiment is one RON file: the data (a CSV, NumPy or Parquet file, or a simulation with known parameters), one model with its
/// priors, and the fits to run on it. The results go to a folder named after the experiment: summary.json (numbers),
/// report.html (pictures), draws-*.zarr (posterior draws, for ArviZ), experiment.ron (the experiment with every default
/// filled in: running it again gives the same bits) and manifest.json (what ran where).
#[derive(Debug, Parser)]
#[command(name = "gmm", version, after_help = EXAMPLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
A small experiment:

  Experiment(
      name: \"faithful\",
      seed: 20,
      data: Csv(path: \"faithful.csv\", columns: [\"eruptions\", \"waiting\"]),
      model: (components: 2, covariance: Free(Full)),
      fits: [Em(objective: Likelihood), Em(objective: Posterior), Gibbs(chains: 4)],
  )

Save it as faithful.ron beside faithful.csv and type:  gmm run faithful.ron
Exit status: 0 all fits done; 1 something failed while running; 2 a config or its data are wrong, nothing was run.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs experiments and writes their results.
    Run(RunArgs),
    /// Validates experiments with their data, without running them.
    Check(CheckArgs),
    /// Fits a grid of component counts and covariance structures, and names the best by BIC, ICL and AIC.
    Select(SelectArgs),
    /// Tests whether the samplers of an experiment sample their posteriors, and whether the optima of its point estimates are optima.
    Verify(VerifyArgs),
    /// Draws the reports of results once more, from what is stored with them.
    Report(ReportArgs),
    /// Runs a study: a grid of experiments, each replicated, and how well the fits did in each cell.
    Study(StudyArgs),
    /// Puts the results of several runs side by side.
    Compare(CompareArgs),
    /// Measures how fast EM and Gibbs sampling run on this machine.
    Bench(BenchArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// One or more experiments. All are validated before the first runs.
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<PathBuf>,
    /// The folder that holds a folder of results for each experiment.
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Replaces the seed of every experiment.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads to run on; all processors if left out. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    scratch: Scratch,
    /// Prints nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// Folders of results, as `gmm run`, `gmm verify` and `gmm study` leave them.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// One or more experiments.
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<PathBuf>,
    #[command(flatten)]
    scratch: Scratch,
}

#[derive(Debug, Args)]
struct Scratch {
    /// The folder on whose disk Parquet files, and .npy files that cannot be mapped, are decoded for the time of the
    /// run; that of the results if left out.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// What a run can end with besides success.
enum Failure {
    /// The user's input is wrong: nothing was run.
    Input(miette::Report),
    /// Something failed while running.
    Running(miette::Report),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(args) => run_all(&args),
        Command::Check(args) => check_all(&args),
        Command::Select(args) => run_select(&args),
        Command::Verify(args) => run_verify(&args),
        Command::Report(args) => report_all(&args),
        Command::Study(args) => run_study(&args),
        Command::Compare(args) => run_compare(&args),
        Command::Bench(args) => run_bench(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure::Input(report)) => complain(&report, 2),
        Err(Failure::Running(report)) => complain(&report, 1),
    }
}

fn complain(report: &miette::Report, status: u8) -> ExitCode {
    say(&mut std::io::stderr(), &format!("{report:?}"));
    ExitCode::from(status)
}

/// Prints a line; a reader that went away is no reason to fail.
fn say(to: &mut dyn Write, text: &str) {
    let _ = writeln!(to, "{text}");
}

/// What a failure to load means for the status.
fn wrong(error: LoadError) -> Failure {
    match error {
        LoadError::Input(error) => Failure::Input(miette::Report::new(error)),
        LoadError::Output(error) => Failure::Running(miette::Report::msg(error)),
    }
}

fn read_all(configs: &[PathBuf], seed: Option<u64>, scratch: &Path) -> Result<Vec<Experiment>, Failure> {
    let experiments = configs.iter().map(|path| load(path, seed, scratch).map_err(wrong));
    let experiments = experiments.collect::<Result<Vec<_>, _>>()?;
    for (i, experiment) in experiments.iter().enumerate() {
        if let Some(other) = experiments[..i].iter().position(|other| other.name == experiment.name) {
            let (a, b) = (configs[other].display(), configs[i].display());
            let message = format!("{a} and {b} have the same name {:?}: one would replace the other", experiment.name);
            return Err(Failure::Input(miette::Report::msg(message)));
        }
    }
    Ok(experiments)
}

fn check_all(args: &CheckArgs) -> Result<bool, Failure> {
    let scratch = args.scratch.scratch.as_deref().unwrap_or(Path::new("."));
    let input = |error: ConfigError| Failure::Input(miette::Report::new(error));
    let mut experiments = Vec::new();
    for path in &args.configs {
        match load_any(path).map_err(input)? {
            (Config::Experiment(_), _) => experiments.push(path.clone()),
            (Config::Study(study), source) => {
                let words = study::check(*study, source, path);
                let words = words.map_err(|error| Failure::Input(miette::Report::new(error)))?;
                say(&mut std::io::stdout(), &words);
            }
        }
    }
    for experiment in read_all(&experiments, None, scratch)? {
        say(&mut std::io::stdout(), &outline(&experiment));
    }
    Ok(true)
}

fn report_all(args: &ReportArgs) -> Result<bool, Failure> {
    // All that can be drawn is drawn; the first error counts.
    let mut first = Ok(true);
    for folder in &args.folders {
        match rebuild(folder) {
            Ok(page) => say(&mut std::io::stdout(), &format!("Report in {}", page.display())),
            Err(error) => {
                let failure = match error {
                    ReportError::Output(error) => Failure::Running(miette::Report::msg(error)),
                    error => Failure::Input(miette::Report::msg(error)),
                };
                match (&first, failure) {
                    (Ok(_), failure) => first = Err(failure),
                    (Err(_), Failure::Input(report)) => drop(complain(&report, 2)),
                    (Err(_), Failure::Running(report)) => drop(complain(&report, 1)),
                }
            }
        }
    }
    first
}

fn run_study(args: &StudyArgs) -> Result<bool, Failure> {
    let failure = |error: StudyError| match error.is_input() {
        true => Failure::Input(miette::Report::new(error)),
        false => Failure::Running(miette::Report::new(error)),
    };
    let bars = std::io::stderr().is_terminal() && !args.quiet;
    let line = |line: &str| {
        if !args.quiet {
            say(&mut std::io::stderr(), line);
        }
    };
    let threads = pool(args.threads)?.current_num_threads();
    match study::study(args, threads, bars, &line).map_err(failure)? {
        study::Outcome::Shown(experiment) => {
            let _ = write!(std::io::stdout(), "{experiment}");
            Ok(true)
        }
        // Fits that failed are among the results of a study: all was done.
        study::Outcome::Done { summary, path } => {
            if !args.quiet {
                say(&mut std::io::stdout(), &report::study(&summary));
                say(&mut std::io::stdout(), &format!("Results in {}", path.display()));
            }
            Ok(true)
        }
    }
}

fn run_bench(args: &BenchArgs) -> Result<bool, Failure> {
    let report = bench(args).map_err(|error| match error {
        BenchError::Input(_) => Failure::Input(miette::Report::msg(error)),
        BenchError::Running(_) => Failure::Running(miette::Report::msg(error)),
    })?;
    say(&mut std::io::stdout(), &report);
    Ok(true)
}

fn run_compare(args: &CompareArgs) -> Result<bool, Failure> {
    let comparison = compare_runs(args).map_err(|error| Failure::Input(miette::Report::msg(error)))?;
    let written = write(&comparison, &args.out);
    if !args.quiet || written.is_err() {
        say(&mut std::io::stdout(), &report::runs(&comparison));
    }
    written.map_err(|error| Failure::Running(miette::Report::msg(error)))?;
    if !args.quiet {
        let out = args.out.display();
        say(&mut std::io::stdout(), &format!("\nComparison in {out} (comparison.json, comparison.html)"));
    }
    Ok(true)
}

fn run_select(args: &SelectArgs) -> Result<bool, Failure> {
    let running = |error: OutputError| Failure::Running(miette::Report::msg(error));
    let pool = pool(args.threads)?;
    let scratch = args.scratch.as_deref().unwrap_or(&args.out);
    let (experiment, impossible) = pool.install(|| load_grid(args, scratch)).map_err(wrong)?;
    let folder = ResultsDir::create(&args.out, &format!("{}-selection", experiment.name)).map_err(running)?;
    let show = std::io::stderr().is_terminal() && !args.quiet;
    let selection = pool.install(|| select(&experiment, impossible, show));
    let path = selection.write(&experiment, folder);
    if !args.quiet || path.is_err() {
        say(&mut std::io::stdout(), &report::selection(&experiment, &selection));
    }
    let path = path.map_err(running)?;
    if !args.quiet {
        say(&mut std::io::stdout(), &format!("Results in {}", path.display()));
    }
    Ok(selection.failures.is_empty())
}

fn run_verify(args: &VerifyArgs) -> Result<bool, Failure> {
    let pool = pool(args.threads)?;
    let scratch = args.scratch.as_deref().unwrap_or(&args.out);
    let experiment = pool.install(|| load(&args.config, args.seed, scratch)).map_err(wrong)?;
    let plan = Plan::new(&experiment, args).map_err(|error| Failure::Input(miette::Report::msg(error)))?;
    let bars = std::io::stderr().is_terminal() && !args.quiet;
    let line = |line: &str| {
        if !args.quiet {
            say(&mut std::io::stderr(), line);
        }
    };
    let verified = pool.install(|| verify(&experiment, &plan, args, bars, &line));
    let written = verified.map(|verified| {
        if !args.quiet || verified.path.is_err() || !verified.summary.verdict.clean {
            say(&mut std::io::stdout(), &report::verification(&verified.summary));
        }
        verified.path.map(|path| (path, verified.summary.verdict.clean))
    });
    let (path, clean) = written.and_then(|written| written).map_err(|error| {
        let kept = kept(args, &experiment.name);
        let goes_on = match kept.exists() {
            true => {
                format!("; what was computed before is in {}, and the same command goes on from there", kept.display())
            }
            false => String::new(),
        };
        Failure::Running(miette::Report::msg(format!("{error}{goes_on}")))
    })?;
    if !args.quiet {
        say(&mut std::io::stdout(), &format!("Results in {}", path.display()));
    }
    Ok(clean)
}

fn pool(threads: Option<u16>) -> Result<rayon::ThreadPool, Failure> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from));
    builder.build().map_err(|error| Failure::Running(miette::Report::msg(error)))
}

/// What would run.
fn outline(experiment: &Experiment) -> String {
    let data = &experiment.data;
    let held_out = data.held_out.as_ref().map_or(String::new(), |rows| format!(", {} held out", rows.data.n()));
    let mut lines = vec![format!(
        "{}: {} rows of {} from {} ({}){held_out}",
        experiment.name,
        data.data.n(),
        data.data.d(),
        data.source,
        listed(&data.columns)
    )];
    lines.extend(experiment.fits.iter().map(describe));
    lines.join("\n")
}

fn words(objective: gmm_em::Objective) -> &'static str {
    match objective {
        gmm_em::Objective::Likelihood => "likelihood",
        gmm_em::Objective::Posterior => "posterior",
    }
}

fn describe(fit: &Fit) -> String {
    let (shape, tying) = crate::summary::structure_words(fit.model.structure());
    let (k, p) = (fit.model.k(), fit.model.n_parameters());
    let how = match &fit.method {
        Method::Em(em) => format!("EM of the {}, {} restarts", words(em.objective), em.restarts),
        Method::Stepwise(stepwise) => {
            let (objective, block) = (words(stepwise.objective), stepwise.block);
            format!("stepwise EM of the {objective} in blocks of {block} rows, {} restarts", stepwise.restarts)
        }
        Method::Gradient(gradient) => {
            let optimizer = match &gradient.optimizer {
                gmm_em::Optimizer::Adam(_) => "Adam",
                gmm_em::Optimizer::Lbfgs(_) => "L-BFGS",
            };
            let batch = gradient.batch.map_or(String::new(), |rows| format!(" of batches of {rows} rows"));
            format!("{optimizer} on the {}{batch}, {} restarts", words(gradient.objective), gradient.restarts)
        }
        Method::Gibbs(sampling) => described(sampling),
    };
    format!("  {}: {k} components, {tying} {shape} covariance, {p} parameters; {how}", fit.name)
}

fn described(sampling: &Sampling) -> String {
    let Sampling { gibbs, evidence, accuracy, relabelling, partition, checks, .. } = sampling;
    let kind = if gibbs.kind == Kind::Collapsed { "collapsed Gibbs" } else { "Gibbs" };
    let rungs = gibbs.tempering.map_or(String::new(), |tempering| format!(" of {} rungs", tempering.rungs));
    let (chains, warmup, draws) = (gibbs.chains, gibbs.warmup, gibbs.draws);
    let mut text = format!("{kind}, {chains} chains{rungs} of {warmup} warm-up scans and {draws} draws");
    if !evidence.is_empty() {
        let methods: Vec<&str> = evidence.iter().map(method).collect();
        text.push_str(&format!("; evidence by {}", methods.join(" and ")));
    }
    if *accuracy {
        text.push_str("; WAIC and leave-one-out");
    }
    if *relabelling == Relabelling::Stephens {
        text.push_str("; labels by Stephens\u{2019} algorithm");
    }
    if let Some(found) = partition {
        text.push_str(&format!("; partition by {}", loss(*found)));
    }
    if !checks.is_empty() {
        text.push_str(&format!("; {} predictive check{}", checks.len(), if checks.len() == 1 { "" } else { "s" }));
    }
    text
}

fn run_all(args: &RunArgs) -> Result<bool, Failure> {
    let running = |error: OutputError| Failure::Running(miette::Report::msg(error));
    let pool = pool(args.threads)?;
    let scratch = args.scratch.scratch.as_deref().unwrap_or(&args.out);
    let experiments = pool.install(|| read_all(&args.configs, args.seed, scratch))?;
    // All folders are opened before the first run: a folder that cannot be written costs nothing then.
    let folders = experiments
        .iter()
        .map(|experiment| ResultsDir::create(&args.out, &experiment.name).map_err(running))
        .collect::<Result<Vec<_>, _>>()?;
    let mut all_done = true;
    for (experiment, folder) in experiments.iter().zip(folders) {
        let partial = folder.path().display().to_string();
        match pool.install(|| run_one(experiment, folder, args)) {
            Ok(outcome) => all_done &= outcome.failures.is_empty(),
            Err(error) => {
                all_done = false;
                let message =
                    format!("{error}; what was written before is in {partial} until the next run of this name");
                complain(&miette::Report::msg(message), 1);
            }
        }
    }
    Ok(all_done)
}

fn run_one(experiment: &Experiment, folder: ResultsDir, args: &RunArgs) -> Result<Outcome, OutputError> {
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let mut writer = Writer::new(experiment, folder)?;
    let mut outcome = Outcome { fits: Vec::new(), failures: Vec::new() };
    let mut written = Ok(());
    let bars = stderr.is_terminal() && !args.quiet;
    for (i, fit) in experiment.fits.iter().enumerate() {
        let progress = if bars { Progress::bars(fit) } else { Progress::hidden() };
        let place = format!("[{}/{}] {}", i + 1, experiment.fits.len(), fit.name);
        if !args.quiet && !bars {
            say(&mut stderr, &format!("{place}: started"));
        }
        let result = run_filmed(experiment, fit, &progress);
        drop(progress);
        let line = match result {
            Ok(result) => {
                let seconds = result.seconds;
                outcome.fits.push(result);
                // A full disk ends the writing, not the work: the tables are printed all the same.
                if let (Ok(()), Some(result)) = (&written, outcome.fits.last()) {
                    written = writer.fit(result, &outcome);
                }
                format!("{place}: done in {seconds:.2} s")
            }
            Err(failed) => {
                let line = format!("{place}: failed: {}", failed.reason);
                outcome.failures.push(failed);
                line
            }
        };
        if !args.quiet || line.contains(": failed: ") {
            say(&mut stderr, &line);
        }
    }
    let summary = Summary::new(experiment, &outcome);
    let path = written.and_then(|()| writer.finish(&outcome, &summary));
    if !args.quiet || path.is_err() {
        say(&mut stdout, &terminal(experiment, &outcome, &summary));
    }
    match path {
        Ok(path) if !args.quiet => say(&mut stdout, &format!("Results in {}", path.display())),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    Ok(outcome)
}
