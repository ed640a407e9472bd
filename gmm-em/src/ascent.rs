//! What the restarts need to know of a method that climbs from a start.

use std::collections::HashSet;

use gmm_core::{Data, Mixture, Model, SeedingError, Shape, Streams, Structure, Workspace};

use crate::climb::climb_in_steps;
use crate::collapse::can_collapse;
use crate::{
    Acceleration, Climb, CollapseRule, Em, EmError, Gradient, Objective, Singularities, Starts, Step, Stepwise,
    gradient, stepwise,
};

/// What all methods are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is maximised.
    pub objective: Objective,
    /// Number of climbs.
    pub restarts: usize,
    /// How far from its limit a climb may stop, relative to 1 + |objective|.
    pub tolerance: f64,
    /// The most iterations of a climb, or passes.
    pub max_iterations: usize,
    /// How the restarts start.
    pub starts: Starts,
    /// When a component counts as collapsed.
    pub collapse: CollapseRule,
    /// What is done then, or against it.
    pub singularities: Singularities,
}

/// A method that climbs from a start: what [`fit`](crate::fit) restarts.
pub trait Ascent: Sync {
    /// What it shares with other methods.
    fn plan(&self) -> Plan;

    /// Checks what [`fit`](crate::fit) takes for granted, without running it.
    ///
    /// # Errors
    /// [`EmError`]: settings out of range, a given start that does not fit, a concentration below 1, fewer rows than
    /// components, or data whose likelihood has no maximum.
    fn check(&self, model: &Model, data: &Data) -> Result<(), EmError>;

    /// Climbs from `start` (of the model's structure), calling `progress` at each record. Random
    /// numbers come from `streams` alone.
    fn climb(
        &self,
        model: &Model,
        data: &Data,
        start: Mixture,
        streams: &Streams,
        workspace: &mut Workspace,
        progress: &mut dyn FnMut(Step<'_>),
    ) -> Climb;
}

impl Ascent for Em {
    fn plan(&self) -> Plan {
        Plan {
            objective: self.objective,
            restarts: self.restarts,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
            starts: self.starts.clone(),
            collapse: self.collapse.clone(),
            singularities: self.singularities,
        }
    }

    fn check(&self, model: &Model, data: &Data) -> Result<(), EmError> {
        if let (Acceleration::Squarem, Singularities::Regularise(constant)) = (self.acceleration, self.singularities) {
            let expected = "left out with acceleration, which needs an objective that rises";
            return check_setting("singularities", constant, expected, false);
        }
        check_plan(model, data, &self.plan())
    }

    fn climb(
        &self,
        model: &Model,
        data: &Data,
        start: Mixture,
        _: &Streams,
        workspace: &mut Workspace,
        progress: &mut dyn FnMut(Step<'_>),
    ) -> Climb {
        climb_in_steps(model, data, start, self, workspace, progress)
    }
}

impl Ascent for Gradient {
    fn plan(&self) -> Plan {
        Plan {
            objective: self.objective,
            restarts: self.restarts,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
            starts: self.starts.clone(),
            collapse: self.collapse.clone(),
            singularities: self.singularities,
        }
    }

    fn check(&self, model: &Model, data: &Data) -> Result<(), EmError> {
        gradient::check(model, data, self)
    }

    fn climb(
        &self,
        model: &Model,
        data: &Data,
        start: Mixture,
        streams: &Streams,
        workspace: &mut Workspace,
        progress: &mut dyn FnMut(Step<'_>),
    ) -> Climb {
        gradient::ascend_in_steps(model, data, start, self, streams, workspace, progress)
    }
}

impl Ascent for Stepwise {
    fn plan(&self) -> Plan {
        Plan {
            objective: self.objective,
            restarts: self.restarts,
            tolerance: self.tolerance,
            max_iterations: self.passes,
            starts: self.starts.clone(),
            collapse: self.collapse.clone(),
            singularities: self.singularities,
        }
    }

    fn check(&self, model: &Model, data: &Data) -> Result<(), EmError> {
        stepwise::check(model, data, self)
    }

    fn climb(
        &self,
        model: &Model,
        data: &Data,
        start: Mixture,
        streams: &Streams,
        workspace: &mut Workspace,
        progress: &mut dyn FnMut(Step<'_>),
    ) -> Climb {
        stepwise::stepwise_in_steps(model, data, start, self, streams, workspace, progress)
    }
}

/// The checks that all methods share.
pub(crate) fn check_plan(model: &Model, data: &Data, plan: &Plan) -> Result<(), EmError> {
    if data.n() < model.k() {
        return Err(SeedingError::TooFewRows { k: model.k(), n: data.n() }.into());
    }
    let positive = |x: f64| x >= 0.0 && x.is_finite();
    let Plan { objective, restarts, tolerance, max_iterations, collapse, singularities, starts } = plan;
    check_setting("restarts", *restarts as f64, "at least 1", *restarts > 0)?;
    starts.check(model, *restarts)?;
    check_setting("max_iterations", *max_iterations as f64, "at least 1", *max_iterations > 0)?;
    check_setting("tolerance", *tolerance, "finite and not negative", positive(*tolerance))?;
    check_setting(
        "min_eigenvalue",
        collapse.min_eigenvalue,
        "finite and not negative",
        positive(collapse.min_eigenvalue),
    )?;
    let min_rows = collapse.min_rows(data.d());
    check_setting("min_rows", min_rows, "finite and not negative", positive(min_rows))?;
    singularities.check()?;
    let concentration = model.prior().weights.concentration();
    if let (Objective::Posterior, Some(component)) = (objective, concentration.iter().position(|a| *a < 1.0)) {
        return Err(EmError::Concentration { component, value: concentration[component] });
    }
    let unbounded = *objective == Objective::Likelihood || can_collapse(model);
    let one_spread_for_all = model.shape() == Shape::Isotropic && data.d() > 1;
    let known = matches!(model.structure(), Structure::Known(_));
    let constant = data.standard_deviations().iter().position(|sd| *sd == 0.0);
    let held = singularities.bounds_constant_columns();
    if let Some(column) = constant.filter(|_| unbounded && !held && !one_spread_for_all && !known) {
        return Err(EmError::ConstantColumn { column });
    }
    let distinct = distinct_rows(data, model.k() + 1);
    match unbounded && !singularities.bounds_few_rows() && !known && distinct <= model.k() {
        true => Err(EmError::FewDistinctRows { distinct, k: model.k() }),
        false => Ok(()),
    }
}

/// An error unless a setting is valid.
pub(crate) fn check_setting(
    name: &'static str,
    value: f64,
    expected: &'static str,
    valid: bool,
) -> Result<(), EmError> {
    match valid {
        true => Ok(()),
        false => Err(EmError::Setting { name, value, expected }),
    }
}

/// The number of distinct rows, counted no further than `most`.
fn distinct_rows(data: &Data, most: usize) -> usize {
    let mut seen: HashSet<Vec<u64>> = HashSet::new();
    for row in data.rows() {
        // Adding zero makes the two zeros one.
        seen.insert(row.iter().map(|x| (x + 0.0).to_bits()).collect());
        if seen.len() >= most {
            break;
        }
    }
    seen.len()
}
