//! Adam (Kingma & Ba 2015).

use super::settings::Adam;
use super::{Point, Progress};

/// An Adam run: running means of gradients and of their squares.
#[derive(Debug)]
pub(crate) struct State {
    settings: Adam,
    /// The coordinates before this one move by the step of the weights.
    n_weights: usize,
    mean: Vec<f64>,
    mean_square: Vec<f64>,
    t: usize,
}

impl State {
    pub(crate) fn new(settings: &Adam, n: usize, n_weights: usize) -> Self {
        Self { settings: settings.clone(), n_weights, mean: vec![0.0; n], mean_square: vec![0.0; n], t: 0 }
    }

    /// One step, from the gradient at `point`; the loss there is then evaluated. A point without a finite loss is left
    /// as it was.
    pub(crate) fn step(&mut self, point: &mut Point, mut loss: impl FnMut(&[f64], &mut [f64]) -> f64) -> Progress {
        let Adam { weights_step, components_step, beta1, beta2, epsilon, decay } = self.settings;
        self.t += 1;
        let unbias = |beta: f64| 1.0 - beta.powf(self.t as f64);
        let (unbias_mean, unbias_square) = (unbias(beta1), unbias(beta2));
        let factor = decay.factor(self.t);
        point.trial.copy_from_slice(&point.x);
        for (i, g) in point.gradient.iter().enumerate() {
            self.mean[i] += (1.0 - beta1) * (g - self.mean[i]);
            self.mean_square[i] += (1.0 - beta2) * (g * g - self.mean_square[i]);
            let step = factor * if i < self.n_weights { weights_step } else { components_step };
            let spread = (self.mean_square[i] / unbias_square).sqrt() + epsilon;
            point.trial[i] -= step * (self.mean[i] / unbias_mean) / spread;
        }
        let value = loss(&point.trial, &mut point.trial_gradient);
        if !value.is_finite() {
            return Progress::Lost;
        }
        point.accept(value);
        // In coordinates of unit scale the loss of a row has curvatures of order one.
        Progress::Moved { expected: 0.5 * point.gradient.iter().map(|g| g * g).sum::<f64>() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Decay;
    use super::*;

    fn quadratic(x: &[f64], g: &mut [f64]) -> f64 {
        g.copy_from_slice(&[x[0] - 3.0, 100.0 * (x[1] + 1.0)]);
        0.5 * (x[0] - 3.0).powi(2) + 50.0 * (x[1] + 1.0).powi(2)
    }

    fn run(settings: Adam, n_weights: usize, steps: usize) -> Point {
        let mut point = Point::new(vec![0.0, 0.0]);
        point.evaluate(&mut quadratic);
        let mut state = State::new(&settings, 2, n_weights);
        (0..steps).for_each(|_| assert!(matches!(state.step(&mut point, quadratic), Progress::Moved { .. })));
        point
    }

    #[test]
    fn the_first_step_of_a_coordinate_is_its_step_size_whatever_the_gradient() {
        let settings = Adam { weights_step: 0.5, components_step: 0.25, ..Adam::default() };
        let point = run(settings, 1, 1);
        assert!((point.x[0] - 0.5).abs() < 1e-6 && (point.x[1] + 0.25).abs() < 1e-6, "{:?}", point.x);
    }

    #[test]
    fn three_steps_are_those_of_the_paper_worked_out_by_hand() {
        // One coordinate, loss x^2 / 2 from x = 1, step 0.1: the recursion of the paper's algorithm 1, written out.
        let mut point = Point::new(vec![1.0]);
        let mut loss = |x: &[f64], g: &mut [f64]| {
            g[0] = x[0];
            0.5 * x[0] * x[0]
        };
        point.evaluate(&mut loss);
        let settings = Adam { decay: Decay::InverseSqrt, ..Adam::default() };
        let mut state = State::new(&settings, 1, 0);
        let (mut x, mut m, mut v) = (1.0f64, 0.0, 0.0);
        for t in 1..=3 {
            state.step(&mut point, &mut loss);
            m = 0.9 * m + 0.1 * x;
            v = 0.999 * v + 0.001 * x * x;
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            x -= 0.1 / f64::from(t).sqrt() * m_hat / (v_hat.sqrt() + 1e-8);
            assert!((point.x[0] - x).abs() < 1e-14, "step {t}: {} and {x}", point.x[0]);
        }
    }

    #[test]
    fn steps_that_decay_end_at_the_minimum_and_constant_ones_near_it() {
        let decaying = run(Adam { decay: Decay::Exponential { half_life: 100.0 }, ..Adam::default() }, 0, 2000);
        assert!((decaying.x[0] - 3.0).abs() < 1e-5 && (decaying.x[1] + 1.0).abs() < 1e-5, "{:?}", decaying.x);
        // The steps add up to less than 0.03 / ln 2 * 10 = 0.44, too few to get there.
        let short = Adam { components_step: 0.03, decay: Decay::Exponential { half_life: 10.0 }, ..Adam::default() };
        assert!(run(short, 0, 2000).x[0] < 0.5);
    }

    #[test]
    fn a_step_to_where_there_is_no_loss_is_not_taken() {
        let mut point = Point::new(vec![1.0]);
        let mut loss = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0;
            if x[0] < 1.0 { f64::NAN } else { x[0] }
        };
        point.evaluate(&mut loss);
        assert!(matches!(State::new(&Adam::default(), 1, 0).step(&mut point, &mut loss), Progress::Lost));
        assert_eq!(point.x, [1.0]);
    }
}
