//! A figure as a file of its own, fit for a paper: on white, with what its colours mean below it.

use std::fmt::Write;

use crate::report::page::{Figure, Key, KeyKind};

/// Of texts, in pixels.
const SIZE: f64 = 12.0;
/// From one line of the legend to the next.
const LINE: f64 = 20.0;
/// What a sign takes, with the room behind it.
const SIGN: f64 = 28.0;
/// Between entries.
const APART: f64 = 18.0;
/// Around the legend.
const MARGIN: f64 = 10.0;
/// Entries beyond these are left out.
const MOST: usize = 60;

/// The figure with its legend as one SVG file. `alt` says what it shows; sizes are in pixels.
pub(super) fn file(figure: &Figure, svg: &str, alt: &str) -> String {
    let width = f64::from(figure.picture.width());
    let height = width * ratio(svg);
    let (legend, below) = legend(&figure.legend, width, height);
    let whole = height + below;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{whole:.0}\" viewBox=\"0 0 {width:.0} {whole:.0}\" \
         role=\"img\" aria-labelledby=\"title desc\" font-family=\"Helvetica, Arial, sans-serif\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <svg width=\"{width:.0}\" height=\"{height:.0}\"{}\
         {legend}</svg>\n",
        escaped(&figure.title),
        escaped(alt),
        inner(svg),
    )
}

/// The element from its `viewBox` on: it is placed by other sizes than its own.
fn inner(svg: &str) -> String {
    svg.find(" viewBox").map_or_else(|| ">\n</svg>\n".to_owned(), |at| svg[at..].to_owned())
}

/// The height over the width of the `viewBox`.
fn ratio(svg: &str) -> f64 {
    let numbers = svg.split("viewBox=\"").nth(1).and_then(|text| text.split('"').next()).unwrap_or_default();
    let numbers: Vec<f64> = numbers.split(' ').filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [_, _, width, height] if width > 0.0 => height / width,
        _ => 1.0,
    }
}

/// The entries in lines below a picture of this height, and how much room they take.
fn legend(keys: &[Key], width: f64, height: f64) -> (String, f64) {
    if keys.is_empty() {
        return (String::new(), 0.0);
    }
    let (mut x, mut y) = (MARGIN, height + MARGIN + 0.5 * LINE);
    let mut text = format!("<g font-size=\"{SIZE}\" fill=\"#333333\">\n");
    for key in keys.iter().take(MOST) {
        // Fonts differ; most letters are narrower.
        let takes = SIGN + 0.56 * SIZE * key.text.chars().count() as f64;
        if x > MARGIN && x + takes > width - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        let _ = writeln!(
            text,
            "{}<text x=\"{:.1}\" y=\"{y:.1}\" dy=\"0.35em\">{}</text>",
            sign(key, x, y),
            x + SIGN,
            escaped(&key.text)
        );
        x += takes + APART;
    }
    text.push_str("</g>\n");
    (text, y + 0.5 * LINE + MARGIN - height)
}

fn sign(key: &Key, x: f64, y: f64) -> String {
    let (color, end) = (escaped(&key.color), x + SIGN - 6.0);
    match key.kind {
        KeyKind::Line => format!("<path d=\"M{x:.1} {y:.1}H{end:.1}\" stroke=\"{color}\" stroke-width=\"2.5\"/>"),
        KeyKind::Dashed => {
            format!(
                "<path d=\"M{x:.1} {y:.1}H{end:.1}\" stroke=\"{color}\" stroke-width=\"1.8\" stroke-dasharray=\"5 3\"/>"
            )
        }
        KeyKind::Area => {
            let top = y - 5.0;
            format!("<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"10\" fill=\"{color}\"/>", end - x)
        }
        KeyKind::Dot => {
            let middle = 0.5 * (x + end);
            let sign = escaped(&key.sign);
            format!(
                "<text x=\"{middle:.1}\" y=\"{y:.1}\" dy=\"0.35em\" text-anchor=\"middle\" font-size=\"16\" fill=\"{color}\">{sign}</text>"
            )
        }
    }
}

/// A text as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_do_not_fit_stand_in_the_next_line() {
        let key = |text: &str| Key {
            kind: KeyKind::Dashed,
            sign: "".into(),
            color: "#000000".to_owned(),
            text: text.to_owned(),
        };
        let (text, below) = legend(&[key("a<b"), key(&"wide ".repeat(20)), key("c")], 300.0, 100.0);
        assert_eq!(below, 3.0 * LINE + 2.0 * MARGIN);
        assert!(text.contains("y=\"120.0\"") && text.contains("y=\"140.0\"") && text.contains("y=\"160.0\""), "{text}");
        assert!(text.contains(">a&lt;b</text>"), "{text}");
        assert_eq!(legend(&[], 300.0, 100.0), (String::new(), 0.0));
    }

    #[test]
    fn the_shape_of_a_picture_is_that_of_its_view() {
        assert_eq!(ratio("<svg viewBox=\"-1 -1 40 20\">"), 0.5);
        assert_eq!(ratio("<svg>"), 1.0);
        assert_eq!(inner("<svg width=\"9\" viewBox=\"0 0 1 1\">x</svg>"), " viewBox=\"0 0 1 1\">x</svg>");
    }
}
