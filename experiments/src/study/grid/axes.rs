//! What can vary in a study, and with which values.

use crate::config::{
    ConfigError, Covariance, MixtureWeights, Prior, Separation, Shape, Source, Study, StudyData, Varied, packed,
};
use crate::study::summary::FactorValue;

/// A field with its values.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Where the config has it.
    pub(crate) name: &'static str,
    /// What it is, for people.
    pub(crate) label: &'static str,
    /// In the order of the config; one if it does not vary.
    pub(crate) values: Vec<FactorValue>,
}

/// All fields that can vary and are written, in the order of the cells.
#[derive(Debug)]
pub(super) struct Axes(Vec<Axis>);

/// One value of each.
pub(super) struct Choice<'a> {
    axes: &'a [Axis],
    at: Vec<usize>,
}

impl Choice<'_> {
    /// The chosen value of a field.
    pub(super) fn pick<'v, T>(&self, name: &str, varied: &'v Varied<T>) -> &'v T {
        let axis = self.axes.iter().position(|axis| axis.name == name);
        &varied.0[axis.map_or(0, |axis| self.at[axis])]
    }

    /// The chosen values of those that vary.
    pub(super) fn values(&self) -> Vec<FactorValue> {
        let varying = self.axes.iter().zip(&self.at).filter(|(axis, _)| axis.values.len() > 1);
        varying.map(|(axis, at)| axis.values[*at].clone()).collect()
    }
}

impl Axes {
    /// Those of a study.
    ///
    /// # Errors
    /// A list is empty, or holds a value twice.
    pub(super) fn of(study: &Study, source: &Source) -> Result<Self, ConfigError> {
        let mut axes = Adder { axes: Vec::new(), source };
        let count = |k: &usize| FactorValue::Number(*k as f64);
        let number = |x: &f64| FactorValue::Number(*x);
        match &study.data {
            StudyData::Simulate { n, mixture: _ } => axes.add("data.n", "rows", n, count)?,
            StudyData::SimulateSeparated {
                n,
                components,
                dims,
                separation,
                weights,
                shape,
                tied,
                condition,
                outliers,
                widening,
                mixtures: _,
            } => {
                axes.add("data.n", "rows", n, count)?;
                axes.add("data.components", "components of the truth", components, count)?;
                axes.add("data.dims", "dimensions", dims, count)?;
                let (label, show) = separations(&separation.0);
                axes.add("data.separation", label, separation, show)?;
                axes.add("data.weights", "weights of the truth", weights, |w: &MixtureWeights| text(&packed(w)))?;
                axes.add("data.shape", "shape of the truth", shape, |shape: &Shape| text(&packed(shape)))?;
                axes.add("data.tied", "whether the truth has one covariance", tied, |tied: &bool| {
                    text(&tied.to_string())
                })?;
                axes.add("data.condition", "condition number of the truth", condition, number)?;
                axes.add("data.outliers", "share of outliers", outliers, number)?;
                axes.add("data.widening", "widening of the box of outliers", widening, number)?;
            }
        }
        let model = &study.model;
        if let Some(components) = &model.components {
            axes.add("model.components", "components of the fit", components, count)?;
        }
        if let Some(covariance) = &model.covariance {
            axes.add("model.covariance", "covariance of the fit", covariance, |c: &Covariance| text(&packed(c)))?;
        }
        if let Some(prior) = &model.prior {
            axes.add("model.prior", "prior", prior, |prior: &Prior| text(&packed(prior)))?;
        }
        Ok(Self(axes.axes))
    }

    pub(super) fn n_cells(&self) -> u128 {
        self.0.iter().fold(1, |n, axis| n.saturating_mul(axis.values.len() as u128))
    }

    /// Those that vary.
    pub(super) fn factors(&self) -> Vec<Axis> {
        self.0.iter().filter(|axis| axis.values.len() > 1).cloned().collect()
    }

    /// The values of a cell.
    pub(super) fn choice(&self, cell: usize) -> Choice<'_> {
        let mut rest = cell;
        let mut at = vec![0; self.0.len()];
        for (at, axis) in at.iter_mut().zip(&self.0).rev() {
            (*at, rest) = (rest % axis.values.len(), rest / axis.values.len());
        }
        Choice { axes: &self.0, at }
    }
}

struct Adder<'a> {
    axes: Vec<Axis>,
    source: &'a Source,
}

impl Adder<'_> {
    fn add<T: PartialEq>(
        &mut self,
        name: &'static str,
        label: &'static str,
        varied: &Varied<T>,
        show: impl Fn(&T) -> FactorValue,
    ) -> Result<(), ConfigError> {
        let values = &varied.0;
        if values.is_empty() {
            return Err(self.source.error_at(
                name,
                "an empty list: there is no cell",
                Some("leave it out, or give a value"),
            ));
        }
        let twice = |i: &usize| values[..*i].contains(&values[*i]);
        if let Some(i) = (1..values.len()).find(twice) {
            let message = format!("the value {} is given twice", show(&values[i]));
            return Err(self.source.error_at(&format!("{name}[{i}]"), message, Some("leave one of them out")));
        }
        self.axes.push(Axis { name, label, values: values.iter().map(show).collect() });
        Ok(())
    }
}

fn text(text: &str) -> FactorValue {
    FactorValue::Text(text.to_owned())
}

/// A label and how values are shown: as numbers where all are of one kind.
fn separations(values: &[Separation]) -> (&'static str, fn(&Separation) -> FactorValue) {
    let as_number = |separation: &Separation| match separation {
        Separation::AverageOverlap(x) | Separation::MaximumOverlap(x) | Separation::C(x) => FactorValue::Number(*x),
    };
    let all = |of: fn(&Separation) -> bool| values.iter().all(of);
    match () {
        () if all(|separation| matches!(separation, Separation::AverageOverlap(_))) => ("average overlap", as_number),
        () if all(|separation| matches!(separation, Separation::MaximumOverlap(_))) => ("maximum overlap", as_number),
        () if all(|separation| matches!(separation, Separation::C(_))) => ("c-separation", as_number),
        () => ("separation", |separation| text(&packed(separation))),
    }
}
