//! How good a fit is in a cell, from the records of its replicates.
//!
//! Nothing here knows files.

use std::sync::Arc;

use gmm_mcmc::QuantitySummary;

use super::formulas::{Figure, average, empirical_se, mean, pooled_empirical_se, root_mean, share};
use super::record::{Estimate, FitRow, Group, Record, Status};
use super::summary::{Measure, MeasureName};

/// How components are matched to the truth, for the results.
pub(super) const MATCHING: &str = "the assignment of components to those of the truth with the least sum of Bhattacharyya \
    distances; a fit with another number of components has measures without parameters only";

/// How parameters are pooled, for the results.
pub(super) const POOLING: &str = "of a group of parameters: errors, standard errors and widths divided by the true standard \
    deviation of the component and column (means), by its square (variances) or the product of the two (covariances), those of \
    weights as they are; each replicate gives the mean over its parameters, and Monte Carlo errors are over replicates. A \
    single parameter has its own units, and is there where the truth is the same in all replicates";

/// The measures of a fit in a cell, from its records in the order of the replicates, and those of the first fit of the study,
/// unless it is this one.
pub(super) fn measures(cell: usize, fit: &str, records: &[&Record], first: Option<&[&Record]>) -> Vec<Measure> {
    let mut all = Vec::new();
    let mut add = |parameter: Option<&str>, name: MeasureName, figure: Figure| {
        if figure.n > 0 {
            let finite = |x: f64| Some(x).filter(|x| x.is_finite());
            all.push(Measure {
                cell,
                fit: fit.to_owned(),
                parameter: parameter.map(str::to_owned),
                name,
                value: finite(figure.value),
                mcse: finite(figure.mcse),
                n: figure.n,
            });
        }
    };
    of_fits(records, &mut add);
    first.into_iter().for_each(|first| differences(records, first, &mut add));
    let done: Vec<&Record> = records.iter().copied().filter(|record| record.row.status == Status::Done).collect();
    for group in Group::ALL {
        of_group(&done, group, &mut add);
    }
    of_parameters(&done, &mut add);
    all
}

type Add<'a> = dyn FnMut(Option<&str>, MeasureName, Figure) + 'a;

/// What has no parameter.
fn of_fits(records: &[&Record], add: &mut Add<'_>) {
    let rows: Vec<&FitRow> = records.iter().map(|record| &record.row).collect();
    let done = || rows.iter().filter(|row| row.status == Status::Done);
    let means = |of: fn(&FitRow) -> Option<f64>| mean(&done().filter_map(|row| of(row)).collect::<Vec<_>>());
    let shares = |of: fn(&FitRow) -> Option<bool>| share(&done().filter_map(|row| of(row)).collect::<Vec<_>>());
    add(None, MeasureName::AdjustedRandIndex, means(|row| row.adjusted_rand_index));
    add(None, MeasureName::HeldOutLnDensity, means(|row| row.held_out));
    add(None, MeasureName::KlDivergence, means(|row| row.kl_divergence));
    add(None, MeasureName::LnLikelihoodGain, means(|row| Some(row.ln_likelihood? - row.ln_likelihood_of_truth?)));
    let failed: Vec<bool> = rows.iter().map(|row| row.status != Status::Done).collect();
    add(None, MeasureName::ShareFailed, share(&failed));
    add(None, MeasureName::ShareCollapsed, means(|row| Some(row.collapses? as f64 / row.restarts? as f64)));
    let unconverged = |row: &FitRow| {
        let of_point = row.converged.map(|converged| !converged);
        of_point.or(row.r_hat.map(|r_hat| r_hat > QuantitySummary::R_HAT_LIMIT))
    };
    add(None, MeasureName::ShareUnconverged, shares(unconverged));
    // A point estimate says why it has no standard errors; one that was asked for none says nothing, and has none.
    let without: Vec<bool> = records
        .iter()
        .filter(|record| record.row.status == Status::Done && !record.estimates.is_empty())
        .map(|record| record.estimates.iter().all(|estimate| estimate.standard_error.is_none()))
        .collect();
    add(None, MeasureName::ShareWithoutIntervals, share(&without));
}

/// How much better or worse than another fit of the same data sets, which takes out what these have in common.
fn differences(records: &[&Record], first: &[&Record], add: &mut Add<'_>) {
    let paired = |of: fn(&FitRow) -> Option<f64>| {
        let of_first = |own: &&Record| {
            let place = first.binary_search_by_key(&own.key.replicate, |other| other.key.replicate).ok()?;
            Some(of(&own.row)? - of(&first[place].row)?)
        };
        mean(&records.iter().filter_map(of_first).collect::<Vec<_>>())
    };
    add(None, MeasureName::KlDifference, paired(|row| row.kl_divergence));
    add(None, MeasureName::HeldOutDifference, paired(|row| row.held_out));
}

/// An estimate on the scale of its group.
struct Scaled<'a> {
    estimate: &'a Estimate,
    truth: f64,
    unit: f64,
}

impl Scaled<'_> {
    fn of(estimate: &Estimate) -> Option<Scaled<'_>> {
        let unit = estimate.unit.filter(|unit| *unit > 0.0)?;
        Some(Scaled { estimate, truth: estimate.truth?, unit })
    }

    fn error(&self) -> f64 {
        (self.estimate.estimate - self.truth) / self.unit
    }
}

fn covers(interval: (f64, f64), truth: f64) -> bool {
    interval.0 <= truth && truth <= interval.1
}

fn of_group(done: &[&Record], group: Group, add: &mut Add<'_>) {
    let scaled: Vec<Vec<Scaled<'_>>> = done
        .iter()
        .map(|record| record.estimates.iter().filter(|e| e.group == group).filter_map(Scaled::of).collect())
        .collect();
    // All replicates have the same parameters, but those whose components were removed, which have none with a truth.
    let most = scaled.iter().map(Vec::len).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let whole: Vec<&Vec<Scaled<'_>>> = scaled.iter().filter(|parameters| parameters.len() == most).collect();
    let errors: Vec<Vec<f64>> = whole.iter().map(|all| all.iter().map(Scaled::error).collect()).collect();
    let word = Some(group.word());
    // The errors of weights add up to 0.
    if group != Group::Weights {
        add(word, MeasureName::Bias, mean(&errors.iter().map(|e| average(e)).collect::<Vec<_>>()));
    }
    add(word, MeasureName::EmpiricalSe, pooled_empirical_se(&errors));
    let squares = |values: &[f64]| average(&values.iter().map(|x| x * x).collect::<Vec<_>>());
    add(word, MeasureName::Rmse, root_mean(&errors.iter().map(|e| squares(e)).collect::<Vec<_>>()));
    let per_replicate = |of: &dyn Fn(&Scaled<'_>) -> Option<f64>| -> Vec<f64> {
        let one = |all: &&Vec<Scaled<'_>>| all.iter().map(of).collect::<Option<Vec<f64>>>().map(|all| average(&all));
        whole.iter().filter_map(one).collect()
    };
    let variances = per_replicate(&|one| Some((one.estimate.standard_error? / one.unit).powi(2)));
    add(word, MeasureName::ModelSe, root_mean(&variances));
    for (interval, coverage, width) in LEVELS {
        let covered =
            per_replicate(&|one| interval(one.estimate).map(|ends| f64::from(u8::from(covers(ends, one.truth)))));
        add(word, coverage, mean(&covered));
        let widths = per_replicate(&|one| interval(one.estimate).map(|(lower, upper)| (upper - lower) / one.unit));
        add(word, width, mean(&widths));
    }
}

/// An interval of an estimate, and the measures of its coverage and width.
type Level = (fn(&Estimate) -> Option<(f64, f64)>, MeasureName, MeasureName);

const LEVELS: [Level; 2] = [
    (|estimate| estimate.interval_50, MeasureName::Coverage50, MeasureName::Width50),
    (|estimate| estimate.interval_90, MeasureName::Coverage90, MeasureName::Width90),
];

/// What each parameter has whose truth is the same in all replicates.
fn of_parameters(done: &[&Record], add: &mut Add<'_>) {
    let Some(first) = done.iter().find(|record| record.estimates.iter().any(|estimate| estimate.truth.is_some()))
    else {
        return;
    };
    for (place, parameter) in first.estimates.iter().enumerate() {
        let (name, Some(truth)) = (&parameter.parameter, parameter.truth) else { continue };
        let named = |record: &&Record| {
            let same = |estimate: &&Estimate| Arc::ptr_eq(&estimate.parameter, name) || estimate.parameter == *name;
            let here = record.estimates.get(place).filter(same);
            here.or_else(|| record.estimates.iter().find(same)).cloned()
        };
        let all: Vec<Estimate> = done.iter().filter_map(named).filter(|estimate| estimate.truth.is_some()).collect();
        if all.iter().any(|estimate| estimate.truth != Some(truth)) {
            continue;
        }
        let (errors, word) = (all.iter().map(|e| e.estimate - truth).collect::<Vec<_>>(), Some(&**name));
        add(word, MeasureName::Bias, mean(&errors));
        add(word, MeasureName::EmpiricalSe, empirical_se(&errors));
        add(word, MeasureName::Rmse, root_mean(&errors.iter().map(|e| e * e).collect::<Vec<_>>()));
        let variances = all.iter().filter_map(|e| e.standard_error).map(|se| se * se);
        add(word, MeasureName::ModelSe, root_mean(&variances.collect::<Vec<_>>()));
        for (interval, coverage, width) in LEVELS {
            let intervals: Vec<(f64, f64)> = all.iter().filter_map(interval).collect();
            add(word, coverage, share(&intervals.iter().map(|ends| covers(*ends, truth)).collect::<Vec<_>>()));
            add(word, width, mean(&intervals.iter().map(|(lower, upper)| upper - lower).collect::<Vec<_>>()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::record::Key;

    /// Two means with true values 0 and 10 and units 1 and 2: estimates, standard errors 1 and 2, and 90 % intervals of 1 about
    /// the first and of 4 about the second.
    fn record(replicate: u64, estimates: [f64; 2], status: Status) -> Record {
        let estimate = |j: usize| {
            let (truth, unit) = ([0.0, 10.0][j], [1.0, 2.0][j]);
            let (half, x) = ([1.0, 4.0][j], estimates[j]);
            Estimate {
                parameter: Arc::from(format!("means[{j},0]")),
                group: Group::Means,
                truth: Some(truth),
                unit: Some(unit),
                estimate: x,
                standard_error: Some(unit),
                interval_50: None,
                interval_90: Some((x - half, x + half)),
            }
        };
        let text = || Arc::from("");
        let mut row = FitRow::without_estimate(status, "why".to_owned());
        row.kl_divergence = Some(replicate as f64);
        let estimates = if status == Status::Done { vec![estimate(0), estimate(1)] } else { Vec::new() };
        let key = Key { cell: text(), replicate, fit: text() };
        Record { key, cell_content: text(), fit_content: text(), fit: text(), row, estimates, seconds: None }
    }

    #[test]
    fn pooled_and_single_measures_are_those_computed_by_hand() {
        // Scaled errors (2, 1) and (0, -3); the third has no estimate.
        let records = [
            record(0, [2.0, 12.0], Status::Done),
            record(1, [0.0, 4.0], Status::Done),
            record(2, [0.0; 2], Status::Failed),
        ];
        let all = measures(7, "em", &records.iter().collect::<Vec<_>>(), None);
        let assert_is = |parameter: Option<&str>, name: MeasureName, value: f64, mcse: f64, n: usize| {
            let found = all.iter().find(|measure| measure.parameter.as_deref() == parameter && measure.name == name);
            let found = found.unwrap();
            let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-14;
            assert!(close(found.value, value) && close(found.mcse, mcse), "{found:?}, not {value} +- {mcse}");
            assert_eq!((found.cell, found.fit.as_str(), found.n), (7, "em", n));
        };
        let means = Some("means");
        // Means over parameters 3/2 and -3/2: half their distance is the error of their mean.
        assert_is(means, MeasureName::Bias, 0.0, 1.5, 2);
        // Mean squares 5/2 and 9/2.
        assert_is(means, MeasureName::Rmse, 3.5f64.sqrt(), 1.0 / (2.0 * 3.5f64.sqrt()), 2);
        // About the means 1 and -1 of the parameters: squares 1 and 4 in both replicates, 5/2 on average, times 2 / (2 - 1).
        assert_is(means, MeasureName::EmpiricalSe, 5.0f64.sqrt(), 0.0, 2);
        assert_is(means, MeasureName::ModelSe, 1.0, 0.0, 2);
        // Half of the first replicate's intervals cover, (1, 3) not and (8, 16); of the second's (-1, 1) and not (0, 8).
        assert_is(means, MeasureName::Coverage90, 0.5, 0.0, 2);
        assert_is(means, MeasureName::Width90, 3.0, 0.0, 2);
        assert_is(Some("means[1,0]"), MeasureName::Bias, -2.0, 4.0, 2);
        assert_is(Some("means[1,0]"), MeasureName::EmpiricalSe, 32.0f64.sqrt(), 4.0, 2);
        assert_is(Some("means[1,0]"), MeasureName::Coverage90, 0.5, 0.125f64.sqrt(), 2);
        assert_is(Some("means[1,0]"), MeasureName::Width90, 8.0, 0.0, 2);
        assert_is(None, MeasureName::KlDivergence, 0.5, 0.5, 2);
        assert_is(None, MeasureName::ShareFailed, 1.0 / 3.0, (2.0f64 / 27.0).sqrt(), 3);
        assert!(!all.iter().any(|measure| measure.name == MeasureName::Coverage50));
    }

    #[test]
    fn single_parameters_are_not_measured_where_the_truth_varies() {
        let mut records = [record(0, [2.0, 12.0], Status::Done), record(1, [0.0, 4.0], Status::Done)];
        records[1].estimates[0].truth = Some(0.5);
        let all = measures(0, "em", &records.iter().collect::<Vec<_>>(), None);
        let has = |parameter: &str| all.iter().any(|measure| measure.parameter.as_deref() == Some(parameter));
        // The truth of the first varies, that of the second does not.
        assert!(has("means") && !has("means[0,0]") && has("means[1,0]"));
    }

    #[test]
    fn differences_are_of_replicates_that_both_fits_have() {
        let with = |divergences: &[(u64, Option<f64>)]| -> Vec<Record> {
            let one = |&(replicate, kl_divergence): &(u64, Option<f64>)| {
                let mut one = record(replicate, [1.0, 2.0], Status::Done);
                one.row.kl_divergence = kl_divergence;
                one
            };
            divergences.iter().map(one).collect()
        };
        let own = with(&[(0, Some(1.0)), (1, Some(5.0)), (3, Some(2.0)), (4, None)]);
        let first = with(&[(0, Some(0.5)), (2, Some(9.0)), (3, Some(3.0)), (4, Some(1.0))]);
        let (own, first) = (own.iter().collect::<Vec<_>>(), first.iter().collect::<Vec<_>>());
        let all = measures(0, "gibbs", &own, Some(&first));
        let found = all.iter().find(|measure| measure.name == MeasureName::KlDifference).unwrap();
        // 0.5 and -1: their mean, and half their distance.
        assert_eq!((found.value, found.mcse, found.n), (Some(-0.25), Some(0.75), 2));
        assert!(!all.iter().any(|measure| measure.name == MeasureName::HeldOutDifference));
        assert!(!measures(0, "em", &own, None).iter().any(|measure| measure.name == MeasureName::KlDifference));
    }
}
