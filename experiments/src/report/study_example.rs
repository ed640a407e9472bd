//! A small study for tests of its report.

use crate::study::{CellSummary, Factor, FactorValue, Measure, MeasureName, StudyFit, StudySummary};

/// A study of two fits, `em` (of the likelihood) and `gibbs`, without measures; labels of factors are their names.
pub(super) fn example(factors: &[(&str, &[f64])]) -> StudySummary {
    let mut cells: Vec<Vec<FactorValue>> = vec![Vec::new()];
    for (_, values) in factors {
        let with = |cell: &Vec<FactorValue>| -> Vec<Vec<FactorValue>> {
            values.iter().map(|value| [cell.clone(), vec![FactorValue::Number(*value)]].concat()).collect()
        };
        cells = cells.iter().flat_map(with).collect();
    }
    let cell = |(number, values)| CellSummary { number, values, average_overlap: None, maximum_overlap: None };
    let factor = |(name, values): &(&str, &[f64])| Factor {
        name: (*name).to_owned(),
        label: (*name).to_owned(),
        values: values.iter().copied().map(FactorValue::Number).collect(),
    };
    let fit = |name: &str| {
        let objective = (name == "em").then(|| "likelihood".to_owned());
        StudyFit { name: name.to_owned(), method: name.to_owned(), objective }
    };
    StudySummary {
        schema_version: 1,
        name: "example".to_owned(),
        seed: 1,
        replicates: 10,
        test_rows: 100,
        matching: "an assignment".to_owned(),
        pooling: "means".to_owned(),
        factors: factors.iter().map(factor).collect(),
        cells: cells.into_iter().enumerate().map(cell).collect(),
        fits: ["em", "gibbs"].map(fit).into(),
        measures: Vec::new(),
        failures: Vec::new(),
        seconds: Vec::new(),
    }
}

/// A measure with an error of a tenth.
pub(super) fn measure(cell: usize, fit: &str, parameter: Option<&str>, name: MeasureName, value: f64) -> Measure {
    let (fit, parameter) = (fit.to_owned(), parameter.map(str::to_owned));
    Measure { cell, fit, parameter, name, value: Some(value), mcse: Some(0.1 * value.abs()), n: 10 }
}
