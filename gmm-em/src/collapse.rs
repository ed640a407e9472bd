//! Recognising a component that collapsed: the likelihood has no maximum there.

use gmm_core::{ComponentPrior, Mixture, Model, Structure};
use thiserror::Error;

/// When a component without a prior counts as collapsed.
///
/// A full likelihood grows without bound as a component closes in on few rows (Bishop 2006, p. 433), and just short
/// of that there are spurious maxima. Both limits apply to a climb that has stopped; a covariance that cannot be
/// factorised ends it at once.
#[derive(Debug, Clone, PartialEq)]
pub struct CollapseRule {
    /// The smallest eigenvalue that a covariance may have on data scaled to unit standard deviations.
    pub min_eigenvalue: f64,
    /// The fewest effective rows (responsibilities added up) of a component with its own covariance;
    /// `None` for d + 1.5.
    pub min_rows: Option<f64>,
}

impl Default for CollapseRule {
    /// 1e-4 and d + 1.5.
    fn default() -> Self {
        Self { min_eigenvalue: 1e-4, min_rows: None }
    }
}

impl CollapseRule {
    /// The fewest effective rows in d dimensions.
    pub fn min_rows(&self, d: usize) -> f64 {
        self.min_rows.unwrap_or(d as f64 + 1.5)
    }
}

/// A component that collapsed, counted from 0 (0 when the covariance is shared), and when.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("component {component} collapsed at iteration {iteration}: {reason}")]
pub struct Collapse {
    /// The component.
    pub component: usize,
    /// The M-steps that the climb had taken.
    pub iteration: usize,
    /// What was seen.
    pub reason: CollapseReason,
}

/// What was seen of a collapse.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CollapseReason {
    /// A covariance is too thin.
    #[error("smallest eigenvalue {value:.2e} on data of unit sd, below {limit:e}")]
    Eigenvalue {
        /// The smallest eigenvalue.
        value: f64,
        /// The limit.
        limit: f64,
    },
    /// Too few rows hold the component.
    #[error("only {value:.3} effective rows, fewer than {limit}")]
    EffectiveRows {
        /// The effective rows.
        value: f64,
        /// The limit.
        limit: f64,
    },
    /// The covariance is singular.
    #[error("its covariance is singular")]
    Singular,
    /// The objective is not a finite number.
    #[error("the objective is not finite")]
    NotFinite,
}

/// Whether a prior keeps the components of this model from collapsing.
pub(crate) fn can_collapse(model: &Model) -> bool {
    let flat = matches!(model.prior().components, ComponentPrior::Flat);
    flat && !matches!(model.structure(), Structure::Known(_))
}

/// The first component of a mixture that a rule calls collapsed, given effective rows (K) and the columns' sds (d).
pub(crate) fn find(
    rule: &CollapseRule,
    model: &Model,
    mixture: &Mixture,
    rows: &[f64],
    sds: &[f64],
) -> Option<(usize, CollapseReason)> {
    if !can_collapse(model) {
        return None;
    }
    let thin = mixture.covariances().iter().enumerate().find_map(|(component, covariance)| {
        let (value, limit) = (covariance.smallest_scaled_eigenvalue(sds), rule.min_eigenvalue);
        (value < limit).then_some((component, CollapseReason::Eigenvalue { value, limit }))
    });
    let few = || {
        let limit = rule.min_rows(model.d());
        let component = rows.iter().position(|value| *value < limit)?;
        Some((component, CollapseReason::EffectiveRows { value: rows[component], limit }))
    };
    let own = matches!(model.structure(), Structure::Free(_));
    thin.or_else(|| if own { few() } else { None })
}
