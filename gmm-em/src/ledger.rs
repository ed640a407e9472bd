//! Writing down near-singular events of a climb.

use gmm_core::{Data, Model, Structure, Symmetric};

use crate::constraint::Constraint;
use crate::{Action, CollapseRule, Singularity};

/// The events of one climb, and where each distinct covariance stands.
pub(crate) struct Ledger<'a> {
    rule: &'a CollapseRule,
    sds: &'a [f64],
    /// The fewest effective rows; none when the covariance is shared.
    min_rows: Option<f64>,
    states: Vec<State>,
    events: Vec<Singularity>,
}

/// Where a covariance stands, in the order of what there is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Sound,
    /// Beyond a limit of the rule, and left as it is.
    Near,
    Changed,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(rule: &'a CollapseRule, model: &Model, data: &'a Data) -> Self {
        let own = matches!(model.structure(), Structure::Free(_));
        Self {
            rule,
            sds: data.standard_deviations(),
            min_rows: own.then(|| rule.min_rows(data.d())),
            states: vec![State::Sound; model.structure().n_covariances(model.k())],
            events: Vec::new(),
        }
    }

    /// Looks at the covariances of the unconstrained mode of an M-step, the rows that they stand for, and whether the
    /// constraint changed them.
    pub(crate) fn see(
        &mut self,
        iteration: usize,
        constraint: Constraint,
        covariances: &[Symmetric],
        rows: &[f64],
        changed: &[bool],
    ) {
        for (component, covariance) in covariances.iter().enumerate() {
            let effective_rows = self.rows_of(rows, component);
            let range = covariance.scaled_eigenvalue_range(self.sds);
            let thin = range.is_none_or(|(least, _)| least < self.rule.min_eigenvalue);
            let near = thin || self.min_rows.is_some_and(|limit| effective_rows < limit);
            // What is done to all covariances alike is no event by itself.
            let state = match (near, changed[component]) {
                (true, true) => State::Changed,
                (false, true) if !constraint.changes_all() => State::Changed,
                (true, false) => State::Near,
                _ => State::Sound,
            };
            if state > self.states[component] {
                let action = if state == State::Changed { constraint.action() } else { Action::Kept };
                self.events.push(event(iteration, component, Some(effective_rows), range, action));
            }
            // One that is still beyond the rule has not recovered.
            self.states[component] = if near { state.max(self.states[component]) } else { state };
        }
    }

    /// Writes down a collapse.
    pub(crate) fn collapse(
        &mut self,
        iteration: usize,
        component: usize,
        rows: Option<&[f64]>,
        covariance: Option<&Symmetric>,
        action: Action,
    ) {
        let rows = rows.map(|rows| self.rows_of(rows, component)).filter(|rows| rows.is_finite());
        let range = covariance.and_then(|covariance| covariance.scaled_eigenvalue_range(self.sds));
        self.events.push(event(iteration, component, rows, range, action));
    }

    pub(crate) fn into_events(self) -> Vec<Singularity> {
        self.events
    }

    fn rows_of(&self, rows: &[f64], component: usize) -> f64 {
        if self.min_rows.is_some() { rows[component] } else { rows.iter().sum() }
    }
}

fn event(
    iteration: usize,
    component: usize,
    effective_rows: Option<f64>,
    range: Option<(f64, f64)>,
    action: Action,
) -> Singularity {
    let condition = range.map(|(least, most)| most / least.max(0.0));
    Singularity {
        restart: 0,
        iteration,
        component,
        effective_rows,
        // Below zero by rounding.
        smallest_eigenvalue: range.map(|(least, _)| least.max(0.0)),
        condition_number: condition.filter(|condition| condition.is_finite()),
        action,
    }
}
