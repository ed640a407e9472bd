//! The tables that only point estimates have: optima, near-singular events, standard errors.

use gmm_em::{Interval, Mode, ModeKind, Singularity, StandardErrors, Uncertainty};

use crate::fitted::{FitResult, Outcome, PointDetail};
use crate::report::names::counted;
use crate::report::numbers::{ln, maybe, short};
use crate::report::page::{Table, number, word};

/// Rows beyond these are left to `summary.json`.
const MOST_MODES: usize = 30;
const MOST_EVENTS: usize = 100;
const MOST_INTERVALS: usize = 600;

/// The distinct optima of each point estimate with several restarts.
pub(super) fn modes(outcome: &Outcome) -> Vec<Table> {
    of_points(outcome, |fit, point| {
        let header = ["", "objective", "below the best", "restarts"];
        let best = point.modes.first().map_or(f64::NAN, |mode| mode.objective);
        let all = point.restarts.len();
        let row = |mode: &Mode| {
            let finds = mode.restarts.len();
            let ends = matches!(mode.kind, ModeKind::Optimum | ModeKind::Unfinished);
            let numbers = match ends {
                true => [ln(mode.objective), short(best - mode.objective)],
                false => ["-".to_owned(), "-".to_owned()],
            };
            let mut row = vec![word(kind(&mode.kind))];
            row.extend(numbers.map(number));
            row.push(number(format!("{finds} of {all}")));
            row
        };
        (all > 1).then(|| Table {
            title: fit.name.clone(),
            note: format!("{} from {all} restarts", counted(point.modes.len(), "end")),
            header: header.map(number).into(),
            rows: point.modes.iter().take(MOST_MODES).map(row).collect(),
            more: more(point.modes.len(), MOST_MODES),
        })
    })
}

fn kind(kind: &ModeKind) -> String {
    match kind {
        ModeKind::Optimum => "optimum".to_owned(),
        ModeKind::Unfinished => "out of iterations".to_owned(),
        ModeKind::Collapsed(reason) => format!("collapsed: {reason}"),
        ModeKind::Decreased => "objective fell".to_owned(),
    }
}

/// What came near a singularity, and what was done; of fits that failed too.
pub(super) fn singularities(outcome: &Outcome) -> Vec<Table> {
    let of_points = outcome.fits.iter().filter_map(|fit| Some((&fit.name, &fit.point.as_ref()?.singularities)));
    let of_failures = outcome.failures.iter().map(|failed| (&failed.name, &failed.singularities));
    let all = of_points.chain(of_failures).filter(|(_, events)| !events.is_empty());
    all.map(|(name, events)| events_of(name, events)).collect()
}

fn events_of(name: &str, events: &[Singularity]) -> Table {
    let numbers = ["restart", "iteration", "component", "effective rows", "smallest eigenvalue", "condition number"];
    let header = numbers.map(number).into_iter().chain([word("action")]);
    let row = |event: &Singularity| {
        let counts = [event.restart, event.iteration, event.component].map(|count| number(count.to_string()));
        let numbers = [event.effective_rows, event.smallest_eigenvalue, event.condition_number];
        let mut row: Vec<_> = counts.into_iter().chain(numbers.map(|x| number(maybe(x, short)))).collect();
        row.push(word(event.action.to_string()));
        row
    };
    Table {
        title: name.to_owned(),
        note: counted(events.len(), "event"),
        header: header.collect(),
        rows: events.iter().take(MOST_EVENTS).map(row).collect(),
        more: more(events.len(), MOST_EVENTS),
    }
}

/// Standard errors and intervals.
pub(super) fn standard_errors(outcome: &Outcome) -> Vec<Table> {
    of_points(outcome, |fit, point| {
        let Some(Ok(found)) = &point.uncertainty else { return None };
        let header = ["quantity", "estimate", "standard error", "5 %", "95 %"];
        let row = |interval: &Interval| {
            let Interval { name, estimate, standard_error, lower, upper } = interval;
            let mut row = vec![word(name)];
            row.extend([estimate, standard_error, lower, upper].map(|x| number(short(*x))));
            row
        };
        Some(Table {
            title: fit.name.clone(),
            note: source(found),
            header: header.map(number).into(),
            rows: found.intervals.iter().take(MOST_INTERVALS).map(row).collect(),
            more: more(found.intervals.len(), MOST_INTERVALS),
        })
    })
}

fn source(found: &Uncertainty) -> String {
    let refits = |replicates: usize| {
        let failed = if found.failed > 0 { format!(", {} failed", found.failed) } else { String::new() };
        format!("{replicates} refits{failed}")
    };
    match found.how {
        StandardErrors::Observed => "observed information".to_owned(),
        StandardErrors::Sandwich => "sandwich".to_owned(),
        StandardErrors::ParametricBootstrap { replicates } => format!("parametric bootstrap, {}", refits(replicates)),
        StandardErrors::WeightedBootstrap { replicates } => {
            format!("weighted-likelihood bootstrap, {}", refits(replicates))
        }
    }
}

fn of_points(outcome: &Outcome, table: impl Fn(&FitResult, &PointDetail) -> Option<Table>) -> Vec<Table> {
    outcome.fits.iter().filter_map(|fit| table(fit, fit.point.as_ref()?)).collect()
}

fn more(all: usize, most: usize) -> Option<String> {
    (all > most).then(|| format!("{} more in summary.json", all - most))
}
