//! Where an optimiser is, and what a step came to.

/// Coordinates with the loss and its gradient there, and room to try others.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) x: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    pub(crate) trial: Vec<f64>,
    pub(crate) trial_gradient: Vec<f64>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Progress {
    /// The point moved; the loss is expected to fall by so much more.
    Moved {
        /// The fall to come.
        expected: f64,
    },
    /// No step lowers the loss by more than rounding, although it was expected to fall by so much.
    Stuck {
        /// The fall that was expected.
        expected: f64,
    },
    /// The step led to where there is no finite loss.
    Lost,
}

impl Point {
    /// A point that is not evaluated yet.
    pub(crate) fn new(x: Vec<f64>) -> Self {
        let room = vec![0.0; x.len()];
        Self { value: f64::NAN, gradient: room.clone(), trial: x.clone(), trial_gradient: room, x }
    }

    /// Evaluates the loss at `x`.
    pub(crate) fn evaluate(&mut self, loss: &mut impl FnMut(&[f64], &mut [f64]) -> f64) {
        self.value = loss(&self.x, &mut self.gradient);
    }

    /// Moves to the trial, whose loss is `value`.
    pub(crate) fn accept(&mut self, value: f64) {
        std::mem::swap(&mut self.x, &mut self.trial);
        std::mem::swap(&mut self.gradient, &mut self.trial_gradient);
        self.value = value;
    }
}
