//! What varies in a study, as reports show it: the factor along which lines run, the one that makes panels, and the others.

use crate::study::{CellSummary, FactorValue, StudySummary};

/// The groups of parameters, in the order of reports.
const GROUPS: [&str; 4] = ["weights", "means", "variances", "covariances"];

/// Which factors take which part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Varied {
    /// The factor along which lines run; none where nothing varies.
    pub(super) first: Option<usize>,
    /// The factor that makes panels.
    pub(super) second: Option<usize>,
    /// The cells of each combination of the other factors.
    pub(super) sets: Vec<Cells>,
}

/// The cells that agree in all factors but the two that are drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cells {
    /// What they agree in, in words; nothing where there are no other factors.
    pub(super) words: String,
    /// For each value of the second factor the numbers of the cells by the values of the first one.
    pub(super) panels: Vec<Vec<usize>>,
}

impl Cells {
    /// Whether a cell is among them.
    pub(super) fn holds(&self, cell: usize) -> bool {
        self.panels.iter().flatten().any(|other| *other == cell)
    }
}

impl Varied {
    /// Lines run along the rows of the data if they vary, else along the first factor whose values are numbers, else along the
    /// first; panels are made by the first of the others.
    pub(super) fn of(summary: &StudySummary) -> Self {
        let factors = &summary.factors;
        let rows = factors.iter().position(|factor| factor.name == "data.n");
        let is_number = |value: &FactorValue| matches!(value, FactorValue::Number(_));
        let numbers = factors.iter().position(|factor| factor.values.iter().all(is_number));
        let first = rows.or(numbers).or((!factors.is_empty()).then_some(0));
        let second = (0..factors.len()).find(|factor| Some(*factor) != first);
        let others: Vec<usize> =
            (0..factors.len()).filter(|factor| Some(*factor) != first && Some(*factor) != second).collect();
        let mut sets: Vec<(Vec<&FactorValue>, Cells)> = Vec::new();
        for cell in &summary.cells {
            let agreed: Vec<&FactorValue> = others.iter().filter_map(|factor| cell.values.get(*factor)).collect();
            if sets.iter().all(|(other, _)| *other != agreed) {
                let named =
                    others.iter().zip(&agreed).map(|(factor, value)| format!("{} {value}", factors[*factor].label));
                let words = named.collect::<Vec<_>>().join(", ");
                sets.push((agreed.clone(), Cells { words, panels: panels(summary, first, second, &others, &agreed) }));
            }
        }
        let sets = sets.into_iter().map(|(_, cells)| cells).collect();
        Self { first, second, sets }
    }

    /// Whether lines run along the rows of the data.
    pub(super) fn rows(&self, summary: &StudySummary) -> bool {
        self.first.is_some_and(|first| summary.factors[first].name == "data.n")
    }
}

/// The cells of a combination of the other factors, by the values of the second factor and then of the first.
fn panels(
    summary: &StudySummary,
    first: Option<usize>,
    second: Option<usize>,
    others: &[usize],
    agreed: &[&FactorValue],
) -> Vec<Vec<usize>> {
    let values = |factor: Option<usize>| -> Vec<Option<&FactorValue>> {
        factor.map_or(vec![None], |factor| summary.factors[factor].values.iter().map(Some).collect())
    };
    let is = |cell: &CellSummary, factor: Option<usize>, value: Option<&FactorValue>| match (factor, value) {
        (Some(factor), Some(value)) => cell.values.get(factor) == Some(value),
        _ => true,
    };
    let agrees =
        |cell: &CellSummary| others.iter().zip(agreed).all(|(factor, value)| is(cell, Some(*factor), Some(value)));
    let mut panels = Vec::new();
    for of_second in values(second) {
        let cell = |of_first: Option<&FactorValue>| {
            let mut cells = summary.cells.iter().filter(|cell| agrees(cell) && is(cell, second, of_second));
            cells.find(|cell| is(cell, first, of_first)).map(|cell| cell.number)
        };
        panels.push(values(first).into_iter().filter_map(cell).collect());
    }
    panels
}

/// The groups of parameters that a study has measures of.
pub(super) fn groups(summary: &StudySummary) -> Vec<&'static str> {
    let has = |group: &&str| summary.measures.iter().any(|measure| measure.parameter.as_deref() == Some(*group));
    GROUPS.into_iter().filter(has).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study_example::example;

    #[test]
    fn lines_run_along_the_rows_and_every_cell_is_drawn_once() {
        let summary = example(&[("model.a", &[1.0, 2.0]), ("data.n", &[10.0, 20.0, 30.0]), ("model.b", &[5.0, 6.0])]);
        let varied = Varied::of(&summary);
        assert_eq!((varied.first, varied.second, varied.rows(&summary)), (Some(1), Some(0), true));
        let [five, six] = &varied.sets[..] else { panic!("{:?}", varied.sets) };
        assert_eq!((five.words.as_str(), six.words.as_str()), ("model.b 5", "model.b 6"));
        assert_eq!(five.panels, [[0, 2, 4], [6, 8, 10]]);
        assert_eq!(six.panels, [[1, 3, 5], [7, 9, 11]]);
        assert!(six.holds(7) && !six.holds(0));
    }

    #[test]
    fn numbers_come_before_words_and_nothing_may_vary() {
        let mut summary = example(&[("words", &[1.0, 2.0]), ("numbers", &[1.0, 2.0])]);
        summary.factors[0].values = ["a", "b"].map(|word| FactorValue::Text(word.to_owned())).into();
        for (i, cell) in summary.cells.iter_mut().enumerate() {
            cell.values[0] = FactorValue::Text(["a", "b"][i / 2].to_owned());
        }
        let varied = Varied::of(&summary);
        assert_eq!((varied.first, varied.second), (Some(1), Some(0)));
        assert_eq!(varied.sets[0].panels, [[0, 1], [2, 3]]);
        let nothing = Varied::of(&example(&[])).sets;
        assert_eq!(nothing, [Cells { words: String::new(), panels: vec![vec![0]] }]);
    }
}
