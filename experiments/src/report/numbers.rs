//! Numbers as people read them.

/// About five significant digits; powers of ten only for very large and very small numbers.
pub(crate) fn short(x: f64) -> String {
    let size = x.abs();
    match size {
        _ if x.is_nan() => "-".to_owned(),
        _ if x.is_infinite() => if x > 0.0 { "\u{221e}" } else { "-\u{221e}" }.to_owned(),
        0.0 => "0".to_owned(),
        _ if !(1e-4..1e7).contains(&size) => format!("{x:.3e}"),
        _ if size >= 1000.0 => format!("{x:.1}"),
        _ if size >= 100.0 => format!("{x:.2}"),
        _ if size >= 10.0 => format!("{x:.3}"),
        _ => format!("{x:.4}"),
    }
}

/// A log density: two digits more than a difference that matters.
pub(crate) fn ln(x: f64) -> String {
    if x.is_finite() { format!("{x:.4}") } else { "-".to_owned() }
}

/// A number that may be missing.
pub(crate) fn maybe(x: Option<f64>, show: fn(f64) -> String) -> String {
    x.map_or_else(|| "-".to_owned(), show)
}

/// Seconds.
pub(crate) fn seconds(x: f64) -> String {
    match x {
        x if x < 1.0 => format!("{:.0} ms", 1000.0 * x),
        x if x < 120.0 => format!("{x:.2} s"),
        x => format!("{:.1} min", x / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_about_five_digits() {
        assert_eq!(short(0.123_456), "0.1235");
        assert_eq!(short(-12_345.67), "-12345.7");
        assert_eq!(short(1.5e-9), "1.500e-9");
        assert_eq!(short(f64::NAN), "-");
        assert_eq!(short(f64::INFINITY), "\u{221e}");
        assert_eq!(seconds(0.0123), "12 ms");
    }
}
