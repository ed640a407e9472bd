//! Figures in the dark: which colour stands for each that is made for white paper.

use std::collections::BTreeSet;

/// Linear red, green and blue, or lightness and two opponent colours.
type Three = [f64; 3];

/// The dark background; the one of `style.html`.
const NIGHT: &str = "#15181c";
/// The colours of components and what they become; they must stay apart.
const PALETTE: [(&str, &str); 7] = [
    ("#0072b2", "#3d9be0"),
    ("#e69f00", "#e69f00"),
    ("#009e73", "#2bb88b"),
    ("#cc79a7", "#d98bb8"),
    ("#56b4e9", "#8ad4fa"),
    ("#d55e00", "#f0803c"),
    ("#808080", "#8c8c8c"),
];
/// What is farther from grey than this is a colour.
const COLOURED: f64 = 0.09;

/// Every colour of figures and legends in a page, in order, with its counterpart in the dark.
pub(super) fn themed(page: &str) -> Vec<(String, String)> {
    let ends = |text: &&str| text.as_bytes().get(6).is_none_or(|byte| [b'"', b';', b')'].contains(byte));
    let found: BTreeSet<&str> = page.split('#').skip(1).filter(ends).filter_map(|text| text.get(..6)).collect();
    let dark = |hex: &str| {
        let color = format!("#{hex}");
        Some((color.clone(), dark(&color)?))
    };
    found.into_iter().filter_map(dark).collect()
}

/// The counterpart of a colour, such as `#0072b2`; none of what is no colour in lower case.
///
/// Greys are turned upside down, between the dark background and nearly white; other colours keep their hue, and what is dark
/// on white becomes light. In the space Oklab (Ottosson 2020).
fn dark(color: &str) -> Option<String> {
    if let Some((_, known)) = PALETTE.iter().find(|(light, _)| *light == color) {
        return Some((*known).to_owned());
    }
    let [lightness, a, b] = oklab(channels(color)?);
    let [night, ..] = oklab(channels(NIGHT)?);
    let grey = night + (0.96 - night) * (1.0 - lightness).max(0.0).powf(0.8);
    let coloured = 0.72 + 0.42 * (0.76 - lightness);
    let share = (a.hypot(b) / COLOURED).min(1.0);
    let [r, g, b] = hex([grey + share * (coloured - grey), a, b]);
    Some(format!("#{r:02x}{g:02x}{b:02x}"))
}

/// Linear channels of a colour as in a style sheet.
fn channels(color: &str) -> Option<Three> {
    let digits = color.strip_prefix('#')?;
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 6 || !digits.as_bytes().iter().all(is_digit) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some([16, 8, 0].map(|shift| {
        let x = f64::from((number >> shift) & 0xff) / 255.0;
        if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
    }))
}

fn product(matrix: [Three; 3], by: Three) -> Three {
    matrix.map(|row| row.iter().zip(by).map(|(x, y)| x * y).sum())
}

fn oklab(linear: Three) -> Three {
    const CONES: [Three; 3] = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    const LAB: [Three; 3] = [
        [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
    ];
    product(LAB, product(CONES, linear).map(f64::cbrt))
}

/// The nearest colour that a screen can show.
fn hex(lab: Three) -> [u8; 3] {
    const CONES: [Three; 3] = [
        [1.0, 0.396_337_777_4, 0.215_803_757_3],
        [1.0, -0.105_561_345_8, -0.063_854_172_8],
        [1.0, -0.089_484_177_5, -1.291_485_548_0],
    ];
    const LINEAR: [Three; 3] = [
        [4.076_741_662_1, -3.307_711_591_3, 0.230_969_929_2],
        [-1.268_438_004_6, 2.609_757_401_1, -0.341_319_396_5],
        [-0.004_196_086_3, -0.703_418_614_7, 1.707_614_701_0],
    ];
    product(LINEAR, product(CONES, lab).map(|x| x.powi(3))).map(|x| {
        let x = x.clamp(0.0, 1.0);
        let shown = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
        (255.0 * shown).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: &str = include_str!("style.html");

    /// The contrast of two colours (WCAG 2.2): between 1 and 21.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |color: &str| {
            let [r, g, b] = channels(color).unwrap_or_else(|| panic!("{color} is no colour"));
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The value of a custom property of the style sheet: the first for the light theme, the second for the dark one.
    fn property(name: &str, theme: usize) -> &'static str {
        let after = STYLE.split(&format!(" --{name}: ")).nth(theme + 1).unwrap_or_else(|| panic!("{name} {theme}"));
        after.split(';').next().unwrap()
    }

    #[test]
    fn text_is_legible_in_both_themes() {
        let on = |texts: &[&'static str], background: &'static str| -> Vec<(&str, &str)> {
            texts.iter().map(|text| (*text, background)).collect()
        };
        let pairs = [
            on(&["ink", "soft", "good", "bad", "link"], "paper"),
            on(&["ink", "soft", "good", "bad"], "hover"),
            on(&["ink", "soft"], "sheet"),
            on(&["ink", "good", "bad", "link"], "warning"),
            on(&["ink", "good", "bad", "link"], "well"),
            on(&["ink", "good", "bad", "link"], "wrong"),
        ];
        for theme in [0, 1] {
            for (text, background) in pairs.iter().flatten() {
                let found = contrast(property(text, theme), property(background, theme));
                assert!(found >= 4.5, "--{text} on --{background}, theme {theme}: {found:.2}");
            }
        }
        assert_eq!((property("paper", 0), property("paper", 1)), ("#ffffff", NIGHT));
    }

    #[test]
    fn figures_are_legible_in_the_dark() {
        // Components, what is drawn over their points, the truth, and the ink of axes and their labels.
        let lines = ["#004a74", "#966700", "#00674b", "#854f6d", "#387597", "#8a3d00", "#535353", "#000000"];
        for color in PALETTE.iter().map(|(light, _)| *light).chain(lines) {
            let found = contrast(&dark(color).unwrap(), NIGHT);
            assert!(found >= 3.0, "{color}: {found:.2}");
        }
        assert!(contrast(&dark("#333333").unwrap(), NIGHT) >= 4.5);
        assert!(contrast(&dark("#ffffff").unwrap(), NIGHT) < 1.05);
        // Greys in their order, upside down.
        assert!(dark("#000000").unwrap() > dark("#808081").unwrap() && dark("#808081") > dark("#e8e8e8"));
    }

    #[test]
    fn the_colours_of_a_page_are_found_and_nothing_else() {
        let page = "<g fill=\"#e8e8e8\"> <a href=\"#summary\"> style=\"--c: #0072b2\" #0072b2\" #12 &#x27;x #abcdeg\" #ABCDEF\"";
        let found: Vec<String> = themed(page).into_iter().map(|(light, _)| light).collect();
        assert_eq!(found, ["#0072b2", "#e8e8e8"]);
        assert_eq!(themed("\u{e9}#\u{e9}\u{e9}\u{e9}\" #"), []);
    }
}
