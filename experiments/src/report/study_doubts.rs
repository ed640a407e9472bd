//! What to distrust in a study, in one sentence; or that nothing that was checked speaks against it.

use gmm_mcmc::QuantitySummary;

use crate::report::names::{counted, joined};
use crate::report::study_findings::{ERRORS, NOMINAL, at, plus_minus};
use crate::report::varied::groups;
use crate::study::{Measure, MeasureName, StudyFit, StudySummary};

/// What speaks against the results, the worst first; or what was looked at, if anything was.
pub(super) fn doubts(summary: &StudySummary) -> Option<String> {
    let all: Vec<String> = [
        shares(summary, MeasureName::ShareFailed, |_| true).map(|all| format!("replicates failed: {all}")),
        unmixed(summary),
        shares(summary, MeasureName::ShareUnconverged, is_point)
            .map(|all| format!("point estimates did not converge: {all}")),
        too_low(summary),
        unknown(summary),
        fewer(summary),
        shares(summary, MeasureName::ShareCollapsed, |_| true).map(|all| format!("restarts collapsed: {all}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if all.is_empty() { nothing(summary) } else { Some(format!("What to distrust: {}.", all.join("; "))) }
}

/// Samples have no objective.
fn is_point(fit: &StudyFit) -> bool {
    fit.objective.is_some()
}

/// The values of a measure without parameter, by cell.
fn values<'a>(summary: &'a StudySummary, fit: &'a StudyFit, name: MeasureName) -> impl Iterator<Item = (usize, f64)> {
    let is = move |m: &&'a Measure| m.fit == fit.name && m.name == name && m.parameter.is_none();
    summary.measures.iter().filter(is).filter_map(|measure| Some((measure.cell, measure.value?)))
}

/// The measures of 90 % coverage of groups of parameters that have a value.
fn coverages<'a>(summary: &'a StudySummary, fit: &'a StudyFit) -> Vec<(&'a Measure, f64)> {
    let groups = groups(summary);
    let is = |m: &&Measure| {
        let of_group = m.parameter.as_deref().is_some_and(|parameter| groups.contains(&parameter));
        of_group && m.fit == fit.name && m.name == MeasureName::Coverage90
    };
    summary.measures.iter().filter(is).filter_map(|measure| Some((measure, measure.value?))).collect()
}

/// Of each fit the range of a share over cells, where it is not 0 in all of them.
fn shares(summary: &StudySummary, name: MeasureName, wanted: fn(&StudyFit) -> bool) -> Option<String> {
    let of = |fit: &StudyFit| {
        let all: Vec<(usize, f64)> = values(summary, fit, name).collect();
        let least = all.iter().map(|(_, share)| *share).fold(f64::INFINITY, f64::min);
        let (cell, most) = all.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, most)| *most > 0.0)?;
        Some(match percent(least) == percent(most) {
            true => format!("{} % of {}", percent(most), fit.name),
            false => {
                format!("{} to {} % of {} (the most{})", percent(least), percent(most), fit.name, at(summary, cell))
            }
        })
    };
    let all: Vec<String> = summary.fits.iter().filter(|fit| wanted(fit)).filter_map(of).collect();
    (!all.is_empty()).then(|| joined(&all))
}

fn unmixed(summary: &StudySummary) -> Option<String> {
    let all = shares(summary, MeasureName::ShareUnconverged, |fit| !is_point(fit))?;
    Some(format!(
        "samples have an R-hat above {}, so that their chains had not mixed: {all}",
        QuantitySummary::R_HAT_LIMIT
    ))
}

/// Coverages so far below what they should be that Monte Carlo error hardly explains it.
fn too_low(summary: &StudySummary) -> Option<String> {
    let of = |fit: &StudyFit| {
        let all = coverages(summary, fit);
        let is_low =
            |(measure, value): &&(&Measure, f64)| measure.mcse.is_some_and(|mcse| *value < NOMINAL - ERRORS * mcse);
        let low: Vec<&(&Measure, f64)> = all.iter().filter(is_low).collect();
        let (measure, value) = low.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let lowest = format!("{value:.3}{} of {}", plus_minus(measure.mcse), measure.parameter.as_deref()?);
        let place = at(summary, measure.cell);
        Some(format!("{} of {} of {} (the lowest {lowest}{place})", low.len(), all.len(), fit.name))
    };
    let all: Vec<String> = summary.fits.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| {
        format!(
            "90 % intervals cover the truth too rarely, by more than {ERRORS} Monte Carlo errors, in so many of the cells and \
             groups of parameters: {}; chance alone makes about 1 in 44",
            joined(&all)
        )
    })
}

/// Fits that have no intervals in any replicate of a cell.
fn unknown(summary: &StudySummary) -> Option<String> {
    let of = |fit: &StudyFit| {
        let all: Vec<(usize, f64)> = values(summary, fit, MeasureName::ShareWithoutIntervals).collect();
        let none = all.iter().filter(|(_, share)| *share == 1.0).count();
        (none > 0).then(|| match none == all.len() {
            true => fit.name.clone(),
            false => format!("{} in {none} of {}", fit.name, counted(all.len(), "cell")),
        })
    };
    let all: Vec<String> = summary.fits.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| format!("without intervals, so that coverage is not known: {}", joined(&all)))
}

/// Coverages that come from fewer than all replicates: over the others nothing is known.
fn fewer(summary: &StudySummary) -> Option<String> {
    let of = |fit: &StudyFit| {
        let n: Vec<usize> = coverages(summary, fit).iter().map(|(measure, _)| measure.n).collect();
        let (least, most) = (n.iter().min()?, n.iter().max()?);
        (*least < summary.replicates).then(|| match least == most {
            true => format!("{least} of {}", fit.name),
            false => format!("{least} to {most} of {}", fit.name),
        })
    };
    let all: Vec<String> = summary.fits.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| {
        let replicates = counted(summary.replicates, "replicate");
        format!("coverage rests on fewer than the {replicates} of a cell, those with intervals: {}", joined(&all))
    })
}

/// That nothing was found, and by what.
fn nothing(summary: &StudySummary) -> Option<String> {
    let has = |name: MeasureName, wanted: fn(&StudyFit) -> bool| {
        summary.fits.iter().filter(|fit| wanted(fit)).any(|fit| values(summary, fit, name).next().is_some())
    };
    let judged: usize = summary
        .fits
        .iter()
        .flat_map(|fit| coverages(summary, fit))
        .filter(|(measure, _)| measure.mcse.is_some())
        .count();
    let looked = [
        has(MeasureName::ShareFailed, |_| true).then(|| "no fit failed".to_owned()),
        has(MeasureName::ShareUnconverged, is_point).then(|| "every point estimate converged".to_owned()),
        has(MeasureName::ShareCollapsed, |_| true).then(|| "no restart collapsed".to_owned()),
        has(MeasureName::ShareUnconverged, |fit| !is_point(fit))
            .then(|| format!("the R-hat of every sample is at most {}", QuantitySummary::R_HAT_LIMIT)),
        (judged > 0).then(|| {
            let all = counted(judged, "coverage");
            format!("of {all} of 90 % intervals none is more than {ERRORS} Monte Carlo errors too low")
        }),
    ];
    let looked: Vec<String> = looked.into_iter().flatten().collect();
    (!looked.is_empty())
        .then(|| format!("Nothing that was checked speaks against these results: {}.", looked.join("; ")))
}

/// A share in per cent; what is not nothing is not shown as nothing, nor what is not all as all.
pub(super) fn percent(share: f64) -> String {
    let x = 100.0 * share;
    match x {
        _ if x > 0.0 && x < 0.1 => "below 0.1".to_owned(),
        _ if x > 99.9 && x < 100.0 => "above 99.9".to_owned(),
        _ if x == 0.0 || x == 100.0 => format!("{x:.0}"),
        _ => format!("{x:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study_example::{example, measure};

    /// Two cells of 10 replicates in which all is as it should be.
    fn sound() -> StudySummary {
        let mut summary = example(&[("data.n", &[100.0, 400.0])]);
        for cell in 0..2 {
            for fit in ["em", "gibbs"] {
                for name in [MeasureName::ShareFailed, MeasureName::ShareUnconverged] {
                    summary.measures.push(measure(cell, fit, None, name, 0.0));
                }
                summary.measures.push(measure(cell, fit, None, MeasureName::ShareWithoutIntervals, 0.0));
                summary.measures.push(measure(cell, fit, Some("means"), MeasureName::Coverage90, 0.85));
            }
            summary.measures.push(measure(cell, "em", None, MeasureName::ShareCollapsed, 0.0));
        }
        summary
    }

    fn with(cell: usize, fit: &str, name: MeasureName, change: impl Fn(&mut Measure)) -> StudySummary {
        let mut summary = sound();
        let is = |m: &&mut Measure| m.cell == cell && m.fit == fit && m.name == name;
        change(summary.measures.iter_mut().find(is).unwrap());
        summary
    }

    fn said(summary: &StudySummary) -> String {
        doubts(summary).unwrap()
    }

    #[test]
    fn what_was_looked_at_is_said_where_nothing_is_wrong() {
        let expected = "Nothing that was checked speaks against these results: no fit failed; every point estimate converged; \
                        no restart collapsed; the R-hat of every sample is at most 1.01; of 4 coverages of 90 % intervals none \
                        is more than 2 Monte Carlo errors too low.";
        assert_eq!(said(&sound()), expected);
        assert_eq!(doubts(&example(&[])), None);
    }

    #[test]
    fn shares_are_ranges_over_cells_of_each_fit() {
        let share = |fit, name| said(&with(1, fit, name, |found| found.value = Some(0.25)));
        let most = "(the most at data.n 400).";
        let unmixed = "What to distrust: samples have an R-hat above 1.01, so that their chains had not mixed:";
        assert_eq!(share("gibbs", MeasureName::ShareUnconverged), format!("{unmixed} 0 to 25.0 % of gibbs {most}"));
        let points = "What to distrust: point estimates did not converge:";
        assert_eq!(share("em", MeasureName::ShareUnconverged), format!("{points} 0 to 25.0 % of em {most}"));
        let failed = "What to distrust: replicates failed:";
        assert_eq!(share("em", MeasureName::ShareFailed), format!("{failed} 0 to 25.0 % of em {most}"));
        let collapsed = "What to distrust: restarts collapsed:";
        assert_eq!(share("em", MeasureName::ShareCollapsed), format!("{collapsed} 0 to 25.0 % of em {most}"));
    }

    #[test]
    fn coverage_is_doubted_that_is_low_or_rests_on_few() {
        let low = |value| {
            said(&with(1, "gibbs", MeasureName::Coverage90, |found| {
                (found.value, found.mcse) = (Some(value), Some(0.05));
            }))
        };
        assert!(low(0.801).starts_with("Nothing"), "{}", low(0.801));
        let lowest = "1 of 2 of gibbs (the lowest 0.790 \u{b1} 0.0500 of means at data.n 400)";
        assert!(low(0.79).starts_with("What to distrust: 90 %") && low(0.79).contains(lowest), "{}", low(0.79));
        let few = said(&with(0, "em", MeasureName::Coverage90, |found| found.n = 7));
        let rests = "coverage rests on fewer than the 10 replicates of a cell, those with intervals: 7 to 10 of em.";
        assert_eq!(few, format!("What to distrust: {rests}"));
        let none = said(&with(0, "em", MeasureName::ShareWithoutIntervals, |found| found.value = Some(1.0)));
        let unknown = "without intervals, so that coverage is not known: em in 1 of 2 cells.";
        assert_eq!(none, format!("What to distrust: {unknown}"));
    }

    #[test]
    fn percents_are_neither_nothing_nor_all_by_rounding() {
        let all = [0.0, 1e-5, 0.015, 0.999, 1.0].map(percent);
        assert_eq!(all, ["0", "below 0.1", "1.5", "99.9", "100"]);
        assert_eq!(percent(0.99999), "above 99.9");
    }
}
