//! Who looks at the steps of a restart.

use crate::Step;

/// What becomes of the steps of a restart.
pub(crate) trait Observer {
    /// A step of the climb that is under way; each climb starts at iteration 0, `passed` iterations into the restart.
    fn see(&mut self, passed: usize, step: Step<'_>);
    /// The climb led on.
    fn keep(&mut self);
    /// The climb is left: as if it had not been.
    fn leave(&mut self);
}

/// Nobody looks.
pub(crate) struct Blind;

impl Observer for Blind {
    fn see(&mut self, _: usize, _: Step<'_>) {}
    fn keep(&mut self) {}
    fn leave(&mut self) {}
}
