//! The axis of a figure: a range that is never empty, ticks at round numbers, labels that are never long.

use serde::{Deserialize, Serialize};

/// The longest name that is written out.
pub(super) const LONGEST_NAME: usize = 36;
/// Values beyond this are not drawn: differences of two of them must be finite.
const LARGEST: f64 = 1e300;

/// A finite range with its ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    name: String,
    /// Place between 0 and 1, label.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds the finite ones of some values, with a margin on either side.
    pub(super) fn over(name: &str, values: impl IntoIterator<Item = f64>, n_ticks: usize) -> Self {
        let (low, high) = range(values);
        let (low, high) = widened(low, high, 0.05);
        Self::new(name, low, high, n_ticks)
    }

    /// An axis with given ends and ticks: value and label.
    pub(super) fn labelled(
        name: &str,
        (low, high): (f64, f64),
        ticks: impl IntoIterator<Item = (f64, String)>,
    ) -> Self {
        let (low, high) = if low < high && high - low < LARGEST { (low, high) } else { (0.0, 1.0) };
        let ticks = ticks.into_iter().map(|(value, label)| ((value - low) / (high - low), cut(&label, LONGEST_NAME)));
        let ticks = ticks.filter(|(place, _)| (0.0..=1.0).contains(place)).collect();
        Self { low, high, name: cut(name, LONGEST_NAME), ticks }
    }

    /// A vertical axis for things, the first at the top: thing i is at -i, from half a place before to half a place
    /// behind.
    pub(super) fn of_things(name: &str, things: impl IntoIterator<Item = String>) -> Self {
        let ticks: Vec<(f64, String)> = things.into_iter().enumerate().map(|(i, thing)| (-(i as f64), thing)).collect();
        Self::labelled(name, (0.5 - ticks.len().max(1) as f64, 0.5), ticks)
    }

    /// An axis for decimal logarithms, with a margin on either side: its ticks are powers of ten, and twice and five times
    /// those where there are few.
    pub(super) fn of_logarithms(name: &str, logarithms: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(logarithms);
        let margin = 0.05 * (high - low).max(0.5);
        let (low, high) = (low - margin, high + margin);
        let firsts: &[f64] = if high - low > 3.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = low.floor().max(-400.0) as i32..=high.ceil().min(400.0) as i32;
        let ticks =
            powers.flat_map(|power| firsts.iter().map(move |first| (f64::from(power) + first.log10(), first, power)));
        let label = |first: f64, power: i32| match power {
            -3..=4 => format!("{}", rounded(first * 10f64.powi(power))),
            _ => format!("{first}e{power}"),
        };
        Self::labelled(name, (low, high), ticks.map(|(place, first, power)| (place, label(*first, power))))
    }

    /// An axis from 0 to a little more than `high`.
    pub(super) fn from_zero(name: &str, high: f64, n_ticks: usize) -> Self {
        let high = if high > 0.0 && high < LARGEST { 1.05 * high } else { 1.0 };
        Self::new(name, 0.0, high, n_ticks)
    }

    fn new(name: &str, low: f64, high: f64, n_ticks: usize) -> Self {
        let (ticks, unit) = ticks(low, high, n_ticks);
        let ticks = ticks.into_iter().map(|(value, label)| ((value - low) / (high - low), label)).collect();
        let room = LONGEST_NAME.saturating_sub(unit.len()).max(12);
        Self { low, high, name: cut(name, room) + &unit, ticks }
    }

    /// An axis for decimal logarithms: its ticks are powers of ten.
    pub(super) fn of_powers(name: &str, exponents: impl IntoIterator<Item = f64>, n_ticks: usize) -> Self {
        let (low, high) = range(exponents);
        let (low, high) = ((low - 0.1).floor(), (high + 0.1).ceil());
        let step = ((high - low) / n_ticks as f64).ceil().max(1.0);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let tick = |k: i64| ((k as f64 * step - low) / (high - low), format!("1e{:.0}", k as f64 * step));
        Self { low, high, name: name.to_owned(), ticks: (first..=last).map(tick).collect() }
    }

    /// What is measured, with the unit where the labels have one.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The ticks: place and label.
    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    /// The place of a value: between 0 and 1 inside the range.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The beginning of a name.
fn cut(name: &str, room: usize) -> String {
    match name.char_indices().nth(room) {
        Some((end, _)) => format!("{}\u{2026}", &name[..end]),
        None => name.to_owned(),
    }
}

/// The least and the largest of the finite values; 0 and 1 if there is none.
fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let usable = values.into_iter().filter(|x| x.abs() < LARGEST);
    let (low, high) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// A wider range. Where it is empty, or too narrow for doubles to tell its ends apart, it becomes a tenth of the value.
fn widened(low: f64, high: f64, share: f64) -> (f64, f64) {
    let (width, size) = (high - low, low.abs().max(high.abs()));
    let margin = match size {
        _ if width > 1e-12 * size => share * width,
        0.0 => 1.0,
        _ => (0.1 * size).max(f64::MIN_POSITIVE),
    };
    (low - margin, high + margin)
}

/// About n ticks with short labels, and what to write behind the name: `minus 1e9, unit 1e-6`.
fn ticks(low: f64, high: f64, n: usize) -> (Vec<(f64, String)>, String) {
    let raw = (high - low) / n.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    if !(raw.is_normal() && power.is_normal()) {
        return (Vec::new(), String::new());
    }
    let step = [1.0, 2.0, 5.0].iter().map(|m| m * power).find(|step| *step >= 0.7 * raw).unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let count = (last - first).max(0.0) as usize + 1;

    // Many digits in common with the neighbour are written once, and so is the power of ten.
    let size = low.abs().max(high.abs());
    let origin = if size / step > 2e4 { (first / 1e3).round() * 1e3 } else { 0.0 };
    let size = if origin == 0.0 { size } else { (last - origin).abs().max((first - origin).abs()) * step };
    let exponent = if (1e-3..1e5).contains(&size) { 0 } else { size.log10().floor() as i32 };
    let shown_step = step / 10f64.powi(exponent);
    let decimals = (-(shown_step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize;
    let label = |k: f64| format!("{:.decimals$}", (k - origin) * shown_step + 0.0);
    let ticks = (0..count.min(4 * n.max(1))).map(|i| first + i as f64).map(|k| (k * step, label(k))).collect();

    let mut unit = String::new();
    if origin != 0.0 {
        unit.push_str(&format!(", minus {:e}", rounded(origin * step)));
    }
    if exponent != 0 {
        unit.push_str(&format!(", unit 1e{exponent}"));
    }
    (ticks, unit)
}

/// A multiple of a round number without the digits that the multiplication left.
fn rounded(x: f64) -> f64 {
    format!("{x:.14e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks().iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_range() {
        let axis = Axis::over("x", [-3.0, 0.5, 7.0], 5);
        assert_eq!(labels(&axis), ["-2", "0", "2", "4", "6"]);
        assert!(axis.ticks().iter().all(|(place, _)| (0.0..=1.0).contains(place)));
        assert_eq!(labels(&Axis::over("x", [0.0, 0.01], 2)), ["0.000", "0.005", "0.010"]);
        assert_eq!(labels(&Axis::of_powers("gap", [-7.5, 1.2], 5)), ["1e-8", "1e-6", "1e-4", "1e-2", "1e0", "1e2"]);
    }

    #[test]
    fn things_and_logarithms_are_labelled_where_they_are() {
        let things = Axis::of_things("what", ["a".to_owned(), "b".repeat(99)]);
        assert_eq!((things.place(0.0), things.place(-1.0)), (0.75, 0.25));
        assert_eq!(things.ticks()[1], (0.25, "b".repeat(LONGEST_NAME) + "\u{2026}"));
        assert!(Axis::of_things("none", []).ticks().is_empty());
        let axis = Axis::of_logarithms("rows", [2.0, 3.2]);
        assert_eq!(labels(&axis), ["100", "200", "500", "1000"]);
        assert!((axis.ticks()[3].0 - axis.place(3.0)).abs() < 1e-12);
        assert_eq!(labels(&Axis::of_logarithms("p", [-2.0, -1.5])), ["0.01", "0.02"]);
        assert_eq!(labels(&Axis::of_logarithms("n", [0.0, 5.0])), ["1", "10", "100", "1000", "10000", "1e5"]);
        assert!(labels(&Axis::of_logarithms("n", [-1e299, 1e299])).iter().all(|label| label.len() < 12));
    }

    #[test]
    fn large_and_offset_values_keep_short_labels() {
        let large = Axis::over("x", [1e90, 4e90], 4);
        assert_eq!((labels(&large), large.name()), (vec!["1", "2", "3", "4"], "x, unit 1e90"));
        let offset = Axis::over("x", [1e9, 1e9 + 4.0], 4);
        assert_eq!((labels(&offset), offset.name()), (vec!["0", "1", "2", "3", "4"], "x, minus 1e9"));
        let close = Axis::over("x", [1e9 - 0.003, 1e9 + 0.004], 4);
        assert_eq!(close.name(), "x, minus 1e9");
    }

    #[test]
    fn no_values_and_equal_values_still_make_a_range() {
        let extremes = [0.0, -5.0, 1e9, 1e-310, 5e-324, 1e299, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN];
        for axis in extremes.iter().map(|x| Axis::over("x", [*x, *x], 5)).chain([Axis::over("x", [], 5)]) {
            let (low, high) = axis.ends();
            assert!(low < high && (high - low).is_finite(), "{axis:?}");
            assert!(axis.ticks().iter().all(|(place, label)| place.is_finite() && label.len() < 12), "{axis:?}");
        }
        assert!(Axis::from_zero("x", f64::NAN, 5).ends() == (0.0, 1.0));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(cut(&"\u{e9}".repeat(50), 12), "\u{e9}".repeat(12) + "\u{2026}");
    }
}
