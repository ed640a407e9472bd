//! Limited-memory BFGS (Nocedal & Wright 2006, section 7.2).

use std::collections::VecDeque;

use super::line_search::{Trial, strong_wolfe};
use super::settings::Lbfgs;
use super::{Point, Progress};

/// The most that a coordinate may move in a step. All are of unit scale or logarithms: farther out the gradient says
/// little, and a component could leap into a singularity.
const LONGEST_MOVE: f64 = 1.0;

/// An L-BFGS run: the latest steps with the changes of the gradient along them.
#[derive(Debug)]
pub(crate) struct State {
    memory: usize,
    pairs: VecDeque<Pair>,
    /// Curvatures to start the inverse Hessian from; 1 where nothing is known.
    pub(crate) curvatures: Vec<f64>,
    /// `-H g` at the point, H the inverse Hessian that the pairs stand for.
    direction: Vec<f64>,
    alphas: Vec<f64>,
}

/// A step s, the change y of the gradient, and `s' y > 0`.
#[derive(Debug)]
struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    sy: f64,
}

impl State {
    pub(crate) fn new(settings: &Lbfgs, n: usize) -> Self {
        let (memory, pairs) = (settings.memory, VecDeque::new());
        Self { memory, pairs, curvatures: vec![1.0; n], direction: vec![0.0; n], alphas: Vec::new() }
    }

    /// One step from `point`, where the loss is evaluated.
    pub(crate) fn step(&mut self, point: &mut Point, mut loss: impl FnMut(&[f64], &mut [f64]) -> f64) -> Progress {
        let mut expected = f64::INFINITY;
        loop {
            let slope = self.point_down(&point.gradient);
            expected = expected.min(-0.5 * slope);
            if let Some(trial) = self.search(point, slope, &mut loss) {
                self.remember(point);
                point.accept(trial.value);
                return Progress::Moved { expected: 0.5 * self.point_down(&point.gradient).abs() };
            }
            // The pairs may be to blame: once more down the gradient itself.
            if self.pairs.is_empty() {
                return Progress::Stuck { expected };
            }
            self.pairs.clear();
        }
    }

    /// Searches along the direction; the trial found is that of the point.
    fn search(&self, point: &mut Point, slope: f64, loss: &mut impl FnMut(&[f64], &mut [f64]) -> f64) -> Option<Trial> {
        let farthest = self.direction.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        if !(slope < 0.0 && farthest.is_finite()) {
            return None;
        }
        let start = Trial { step: 0.0, value: point.value, slope };
        let Point { x, trial, trial_gradient, .. } = point;
        strong_wolfe(start, 1.0, LONGEST_MOVE / farthest, |step| {
            for ((trial, x), p) in trial.iter_mut().zip(x.iter()).zip(&self.direction) {
                *trial = x + step * p;
            }
            let value = loss(trial, trial_gradient);
            (value, dot(trial_gradient, &self.direction))
        })
    }

    /// Takes up the step from the point to its trial.
    fn remember(&mut self, point: &Point) {
        let spare = if self.pairs.len() >= self.memory { self.pairs.pop_front() } else { None };
        let n = point.x.len();
        let Pair { mut s, mut y, .. } = spare.unwrap_or_else(|| Pair { s: vec![0.0; n], y: vec![0.0; n], sy: 0.0 });
        for i in 0..n {
            s[i] = point.trial[i] - point.x[i];
            y[i] = point.trial_gradient[i] - point.gradient[i];
        }
        let sy = dot(&s, &y);
        // Without it H would not be positive definite; only a step at the bound can lack it.
        if sy > f64::EPSILON * (dot(&s, &s) * dot(&y, &y)).sqrt() && self.memory > 0 {
            self.pairs.push_back(Pair { s, y, sy });
        }
    }

    /// Sets the direction to `-H g` by the two-loop recursion (algorithm 7.4) and returns the slope along it. Before
    /// the pairs H is `scale / curvatures`, which equation 7.20 gives in coordinates where all curvatures are 1.
    fn point_down(&mut self, gradient: &[f64]) -> f64 {
        let Self { pairs, curvatures, direction, alphas, .. } = self;
        direction.iter_mut().zip(gradient).for_each(|(p, g)| *p = -g);
        alphas.clear();
        for pair in pairs.iter().rev() {
            let alpha = dot(&pair.s, direction) / pair.sy;
            direction.iter_mut().zip(&pair.y).for_each(|(p, y)| *p -= alpha * y);
            alphas.push(alpha);
        }
        let scale = pairs.back().map_or(1.0, |last| {
            let squares = last.y.iter().zip(curvatures.iter()).map(|(y, c)| y * y / c);
            last.sy / squares.sum::<f64>()
        });
        direction.iter_mut().zip(curvatures.iter()).for_each(|(p, c)| *p *= scale / c);
        for (pair, alpha) in pairs.iter().zip(alphas.iter().rev()) {
            let beta = dot(&pair.y, direction) / pair.sy;
            direction.iter_mut().zip(&pair.s).for_each(|(p, s)| *p += (alpha - beta) * s);
        }
        dot(gradient, direction)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The extended Rosenbrock function: pairs of coordinates, minimum 0 at ones.
    fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for i in (0..x.len()).step_by(2) {
            let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
            value += a * a + 100.0 * b * b;
            g[i] = -2.0 * a - 400.0 * x[i] * b;
            g[i + 1] = 200.0 * b;
        }
        value
    }

    /// Steps until the expected fall is below 1e-24, and the number of evaluations.
    fn minimise(x: Vec<f64>, memory: usize, f: impl Fn(&[f64], &mut [f64]) -> f64) -> (Point, usize, Vec<f64>) {
        let mut evaluations = 0;
        let mut loss = |x: &[f64], g: &mut [f64]| {
            evaluations += 1;
            f(x, g)
        };
        let mut state = State::new(&Lbfgs { memory }, x.len());
        let mut point = Point::new(x);
        point.evaluate(&mut loss);
        let mut values = vec![point.value];
        for _ in 0..500 {
            match state.step(&mut point, &mut loss) {
                Progress::Moved { expected } if expected > 1e-24 => values.push(point.value),
                _ => break,
            }
        }
        (point, evaluations, values)
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end_in_any_dimension() {
        for (n, memory) in [(2, 10), (2, 1), (2, 3), (20, 5), (100, 10)] {
            let x = (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
            let (point, evaluations, values) = minimise(x, memory, rosenbrock);
            assert!(point.x.iter().all(|x| (x - 1.0).abs() < 1e-9), "{n}, {memory}: {:?}", point.x);
            assert!(evaluations < 200, "{n}, {memory}: {evaluations} evaluations");
            assert!(values.windows(2).all(|pair| pair[1] < pair[0]));
        }
    }

    #[test]
    fn a_quadratic_whose_curvatures_span_seven_decades_is_brought_to_its_minimum() {
        let curvatures: Vec<f64> = (0..8).map(|i| 10f64.powi(i - 4)).collect();
        let quadratic = |x: &[f64], g: &mut [f64]| {
            (0..8).for_each(|i| g[i] = curvatures[i] * (x[i] - 0.1));
            (0..8).map(|i| 0.5 * curvatures[i] * (x[i] - 0.1).powi(2)).sum()
        };
        let (point, evaluations, _) = minimise(vec![0.9; 8], 10, quadratic);
        assert!(point.value < 1e-20, "{}", point.value);
        assert!(evaluations < 300, "{evaluations}");
    }

    #[test]
    fn the_expected_fall_is_the_distance_from_the_minimum_once_the_curvature_is_known() {
        let curvatures = [0.5, 2.0, 3.0];
        let mut quadratic = |x: &[f64], g: &mut [f64]| {
            (0..3).for_each(|i| g[i] = curvatures[i] * x[i]);
            (0..3).map(|i| 0.5 * curvatures[i] * x[i] * x[i]).sum()
        };
        let mut state = State::new(&Lbfgs { memory: usize::MAX }, 3);
        let mut point = Point::new(vec![0.9, -0.4, 0.6]);
        point.evaluate(&mut quadratic);
        for _ in 0..5 {
            let Progress::Moved { expected } = state.step(&mut point, &mut quadratic) else { panic!() };
            assert!(expected > 0.2 * point.value && expected < 5.0 * point.value, "{expected}, {}", point.value);
        }
    }

    #[test]
    fn where_the_loss_ends_the_steps_end_too() {
        // Falls to the wall at 0, beyond which there is nothing.
        let walled = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0;
            if x[0] < 0.0 { f64::NAN } else { x[0] }
        };
        let (point, _, values) = minimise(vec![5.0], 10, walled);
        assert!(point.x[0] >= 0.0 && point.x[0] < 1e-6, "{:?}", point.x);
        assert!(values.iter().all(|value| value.is_finite()));
    }
}
