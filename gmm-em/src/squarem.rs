//! SQUAREM: EM's steps squared, kept only where the objective rises.

use std::collections::VecDeque;

use gmm_core::{Data, Mixture, Model, Posterior};

use crate::Coordinates;

/// How the longest step grows when it was taken, and shrinks when it failed: the defaults of the authors' program.
const FACTOR: f64 = 4.0;

/// Steps no longer than this are EM's own.
const SHORTEST: f64 = 1.01;

/// The slowest of so many rates, two from a cycle, stands for EM's rate.
const RATES: usize = 20;

/// Squared extrapolation of EM's map F (Varadhan & Roland 2008), in unconstrained [`Coordinates`].
///
/// ```text
/// x1 = F(x0),  x2 = F(x1),   r = x1 - x0,  v = (x2 - x1) - r
/// x' = x0 + 2 s r + s^2 v,   s = -<r, v> / <v, v>,  at most the longest step       s = 1: x' = x2
/// next x0 = F(x')
/// ```
///
/// A cycle takes three sweeps, at x0, x1 and x', and each finds the height of its point: the guard costs nothing where x' is
/// higher than x1. Where it is not, x2 takes its place, at the price of one sweep. EM's steps do not fall, so the trace
/// rises throughout. The longest step is 1 at first; it grows after every step of that length, and shrinks when one fails.
///
/// With J the Jacobian of F at the optimum, `r = -(I - J) e` for the error e, which a cycle multiplies by
/// `J (I - s (I - J))^2`. J is self-adjoint in the metric of the information that rows and allocations would hold, with
/// eigenvalues in [0, 1), the fractions of missing information (Dempster, Laird & Rubin 1977). Hence `<., .>` is the inner
/// product of that information's diagonal ([`Coordinates::information`]), and s, the step that leaves the least of r, is an
/// average of `1 / (1 - eigenvalue)`. This is the second of the paper's three steps. Sweeps of all climbs that converged,
/// EM 205,000, over the reference cases of two components and more and two simulations of overlapping clusters, 20
/// starts each:
///
/// ```text
///                                                  s = -<r,r>/<r,v>   -<r,v>/<v,v>   |r|/|v|
/// Euclidean                                                  55,700         42,500    53,200
/// information                                                55,700         36,000    45,800
/// information, no bound on the step                                         70,000
/// information, next x0 = x' instead of F(x')                                44,800
/// ```
///
/// **What is still to come** cannot be read from the gains of a cycle, since an extrapolation magnifies the fast parts of the
/// error and Aitken's ratio, a mean of squared eigenvalues, then knows nothing of the slow ones. But for eigenvalues up to
/// lambda, what is left after a step of EM is at most its gain times `lambda^2 / (1 - lambda^2)`, whatever the error is made
/// of, and both the ratio of two gains and the squared Rayleigh quotient `1 + <r, v> / <r, r>` are lower bounds of lambda^2
/// that come close to it in one cycle or another. The largest of the last ten cycles is taken. In the climbs above this
/// was left at most 1.1 times the tolerance; with the bounds of two cycles, 110 times in the worst.
#[derive(Debug)]
pub(crate) struct Squarem {
    coordinates: Coordinates,
    /// x0, x1, and x2 or x'.
    origin: Vec<f64>,
    first: Vec<f64>,
    trial: Vec<f64>,
    information: Vec<f64>,
    /// The mixture at x2, while that at x' is tried.
    second: Mixture,
    stage: Stage,
    step: f64,
    longest: f64,
    /// Steps of EM since the latest extrapolation.
    em_steps: usize,
    /// Lower bounds of the squared rate of EM, the latest last.
    rates: VecDeque<f64>,
}

/// What the current mixture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Origin,
    First,
    Trial,
}

impl Squarem {
    pub(crate) fn new(model: &Model, data: &Data) -> Self {
        let coordinates = Coordinates::new(model, data);
        let room = vec![0.0; coordinates.n()];
        Self {
            coordinates,
            origin: room.clone(),
            first: room.clone(),
            trial: room.clone(),
            information: room,
            second: model.blank_mixture(),
            stage: Stage::Origin,
            step: 1.0,
            longest: 1.0,
            em_steps: 0,
            rates: VecDeque::with_capacity(RATES + 1),
        }
    }

    /// Whether the mixture is an extrapolation that is no higher than the last entry of the trace. EM's point then takes
    /// its place.
    pub(crate) fn rejects(&mut self, objective: f64, trace: &[f64], mixture: &mut Mixture) -> bool {
        let rises = objective.is_finite() && trace.last().is_none_or(|last| objective > *last);
        if self.stage != Stage::Trial || rises {
            return false;
        }
        if self.step >= self.longest {
            self.longest = (self.longest / FACTOR).max(1.0);
        }
        std::mem::swap(mixture, &mut self.second);
        self.stage = Stage::Origin;
        true
    }

    /// Takes note of the last entry of the trace, that of the current mixture.
    pub(crate) fn see(&mut self, trace: &[f64]) {
        if self.stage == Stage::Trial {
            self.em_steps = 0;
            self.lengthen();
        } else if trace.len() > 1 {
            self.em_steps += 1;
        }
        if let (2.., [.., a, b, c]) = (self.em_steps, trace) {
            let (earlier, gain) = (b - a, c - b);
            self.note(if gain < earlier { (gain / earlier).max(0.0) } else { 1.0 });
        }
    }

    /// A bound on the limit of the objective from the last entry of the trace; infinite where nothing is known of it.
    pub(crate) fn limit(&self, trace: &[f64]) -> f64 {
        let (gain, last) = match trace {
            [.., before, last] => (last - before, *last),
            [last] => return *last,
            [] => return f64::INFINITY,
        };
        let rate = self.rates.iter().copied().fold(0.0, f64::max);
        match (self.em_steps, self.rates.len()) {
            (1.., _) if gain <= 0.0 => last,
            (1.., 1..) if rate < 1.0 => last + gain * rate / (1.0 - rate),
            _ => f64::INFINITY,
        }
    }

    /// Given the current mixture, EM's `next` and the posterior of that M-step: puts an extrapolation in the place of
    /// `next` at the end of a cycle, and says whether it did.
    pub(crate) fn propose(&mut self, mixture: &Mixture, next: &mut Mixture, posterior: &Posterior) -> bool {
        match self.stage {
            Stage::Trial => self.stage = Stage::Origin,
            Stage::Origin => {
                self.coordinates.write(mixture, &mut self.origin);
                self.coordinates.write(next, &mut self.first);
                self.stage = Stage::First;
            }
            Stage::First => {
                self.coordinates.write(next, &mut self.trial);
                self.coordinates.information(posterior, mixture, &mut self.information);
                self.stage = if self.extrapolate(next) { Stage::Trial } else { Stage::Origin };
            }
        }
        self.stage == Stage::Trial
    }

    /// From x2, in coordinates and as a mixture, to x'. Leaves the mixture if there is nothing to gain or no mixture.
    fn extrapolate(&mut self, mixture: &mut Mixture) -> bool {
        let (mut rr, mut rv, mut vv) = (0.0, 0.0, 0.0);
        for (i, information) in self.information.iter().enumerate() {
            let r = self.first[i] - self.origin[i];
            let v = self.trial[i] - self.first[i] - r;
            // A component without rows has no information, and no say.
            if information.is_finite() {
                rr += information * r * r;
                rv += information * r * v;
                vv += information * v * v;
            }
        }
        let rayleigh = 1.0 + rv / rr;
        if rayleigh > 0.0 {
            self.note(rayleigh * rayleigh);
        }
        // Where r grows there is no optimum ahead to aim at, only a direction.
        let step = if rv < 0.0 { -rv / vv } else { f64::INFINITY };
        self.step = step.min(self.longest);
        if self.step < SHORTEST {
            if step >= self.longest {
                self.lengthen();
            }
            return false;
        }
        let s = self.step;
        for (i, x) in self.trial.iter_mut().enumerate() {
            let r = self.first[i] - self.origin[i];
            let v = *x - self.first[i] - r;
            *x = self.origin[i] + s * (2.0 * r + s * v);
        }
        std::mem::swap(mixture, &mut self.second);
        let found = self.coordinates.read(&self.trial, mixture).is_ok();
        if !found {
            std::mem::swap(mixture, &mut self.second);
        }
        found
    }

    fn lengthen(&mut self) {
        if self.step >= self.longest {
            self.longest *= FACTOR;
        }
    }

    fn note(&mut self, rate: f64) {
        self.rates.push_back(rate);
        if self.rates.len() > RATES {
            self.rates.pop_front();
        }
    }
}
