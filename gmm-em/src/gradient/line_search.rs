//! A line search for the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6).

/// The sufficient decrease, a fraction of what the slope promises.
const DECREASE: f64 = 1e-4;

/// The fraction of the first slope that must be left at most.
const CURVATURE: f64 = 0.9;

/// The most evaluations.
const MOST: usize = 30;

/// Differences of the loss relative to 1 + its size that may be rounding.
const ROUNDING: f64 = 1e-14;

/// A step along the line, with the value and slope there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    pub(crate) step: f64,
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

/// Finds a step in `(0, longest]` from `start` (step 0, negative slope), trying `first` first:
///
/// ```text
/// f(s) <= f(0) + 1e-4 s f'(0),   |f'(s)| <= 0.9 |f'(0)|
/// ```
///
/// Where differences of f are no more than rounding, the first condition is one on slopes, `f'(s) <= (1 - 2e-4) |f'(0)|`
/// (Hager & Zhang 2005). `line` gives value and slope at a step; a value that is not finite counts as too high. A step
/// at the bound `longest` need not meet the second condition. The last step that `line` saw is the one returned; `None`
/// if none lowers the value.
pub(crate) fn strong_wolfe(
    start: Trial,
    first: f64,
    longest: f64,
    mut line: impl FnMut(f64) -> (f64, f64),
) -> Option<Trial> {
    let mut evaluate = |step: f64| {
        let (value, slope) = line(step);
        Trial { step, value: if value.is_nan() || slope.is_nan() { f64::INFINITY } else { value }, slope }
    };
    let rounding = ROUNDING * (1.0 + start.value.abs());
    let decreases = |t: &Trial| {
        t.value <= start.value + DECREASE * t.step * start.slope
            || (t.value <= start.value + rounding && t.slope <= (2.0 * DECREASE - 1.0) * start.slope)
    };
    let flat = |t: &Trial| t.slope.abs() <= -CURVATURE * start.slope;

    let mut before = start;
    let mut trial = evaluate(first.min(longest));
    let mut evaluations = 1;
    // Out until an interval holds a step that will do.
    let (mut low, mut high) = loop {
        if !decreases(&trial) || (before.step > 0.0 && trial.value > before.value + rounding) {
            break (before, trial);
        }
        if flat(&trial) || trial.step >= longest {
            return Some(trial);
        }
        if trial.slope >= 0.0 {
            break (trial, before);
        }
        if evaluations >= MOST {
            return Some(trial);
        }
        let next = (trial.step + 4.0 * (trial.step - before.step)).min(longest);
        before = trial;
        trial = evaluate(next);
        evaluations += 1;
    };
    // In on it: `low` is the lowest step so far that decreases enough, and the slope there points to `high`.
    while evaluations < MOST {
        let step = between(&low, &high);
        if (high.step - low.step).abs() <= 1e-12 * high.step.max(low.step) {
            break;
        }
        let trial = evaluate(step);
        evaluations += 1;
        if !decreases(&trial) || trial.value > low.value + rounding {
            high = trial;
            continue;
        }
        if flat(&trial) {
            return Some(trial);
        }
        if trial.slope * (high.step - low.step) >= 0.0 {
            high = low;
        }
        low = trial;
    }
    // Not flat, but lower than the start.
    (low.step > 0.0 && low.value < start.value).then(|| evaluate(low.step))
}

/// The minimum of the cubic through two trials, kept off their ends; the middle where there is none.
fn between(a: &Trial, b: &Trial) -> f64 {
    let width = b.step - a.step;
    let middle = a.step + 0.5 * width;
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt().copysign(width);
    let step = b.step - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    let (least, most) = (a.step + 0.1 * width, a.step + 0.9 * width);
    let inside = least.min(most)..=least.max(most);
    match step.is_finite() {
        true => step.clamp(*inside.start(), *inside.end()),
        false => middle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(first: f64, longest: f64, f: impl Fn(f64) -> (f64, f64)) -> (Option<Trial>, usize) {
        let (value, slope) = f(0.0);
        let mut evaluations = 0;
        let trial = strong_wolfe(Trial { step: 0.0, value, slope }, first, longest, |step| {
            evaluations += 1;
            f(step)
        });
        (trial, evaluations)
    }

    fn assert_wolfe(trial: Trial, f: impl Fn(f64) -> (f64, f64)) {
        let ((f0, s0), (f1, s1)) = (f(0.0), f(trial.step));
        assert!(f1 <= f0 + DECREASE * trial.step * s0 && s1.abs() <= CURVATURE * s0.abs(), "{trial:?}");
    }

    #[test]
    fn steps_that_are_too_short_too_long_or_lead_nowhere_are_mended() {
        let quartic = |s: f64| ((s - 2.0).powi(4) - s, 4.0 * (s - 2.0).powi(3) - 1.0);
        // Nothing beyond 3.
        let walled = |s: f64| if s > 3.0 { (f64::INFINITY, f64::NAN) } else { quartic(s) };
        // Moré & Thuente (1994), their third function in spirit: oscillates around a decline.
        let wavy = |s: f64| (-s + 0.2 * (8.0 * s).sin() + 0.05 * s * s, -1.0 + 1.6 * (8.0 * s).cos() + 0.1 * s);
        for first in [1e-6, 1e-2, 1.0, 2.0, 10.0, 1e4] {
            let (trial, evaluations) = search(first, f64::INFINITY, quartic);
            assert_wolfe(trial.unwrap(), quartic);
            assert!(evaluations < 20, "{evaluations} evaluations from {first}");
            assert_wolfe(search(first, f64::INFINITY, walled).0.unwrap(), walled);
            let (f0, s0) = wavy(0.0);
            // Its first slope is positive: searched from where it falls.
            assert!(f0 == 0.0 && s0 > 0.0);
            let falling = |s: f64| wavy(s + 0.3);
            assert_wolfe(search(first, f64::INFINITY, falling).0.unwrap(), falling);
        }
    }

    #[test]
    fn a_step_at_the_bound_is_taken_although_it_is_steep() {
        let (trial, evaluations) = search(1.0, 2.5, |s| (-s, -1.0));
        assert_eq!((trial.unwrap().step, evaluations), (2.5, 2));
    }

    #[test]
    fn without_a_lower_step_there_is_none() {
        assert_eq!(search(1.0, f64::INFINITY, |s| (s, -1.0)).0, None);
        assert_eq!(search(1.0, f64::INFINITY, |s| if s > 0.0 { (f64::NAN, f64::NAN) } else { (0.0, -1.0) }).0, None);
    }
}
