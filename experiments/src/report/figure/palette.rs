//! Colours that the colour-blind can tell apart, and marks for when there are more things than colours.

use serde::{Deserialize, Serialize};

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Color(pub(super) u8, pub(super) u8, pub(super) u8);

/// The palette of Okabe and Ito (2008), without the yellow, which white swallows, and with a grey for the black, which is
/// kept for the truth.
const PALETTE: [Color; 7] = [
    Color(0x00, 0x72, 0xB2),
    Color(0xE6, 0x9F, 0x00),
    Color(0x00, 0x9E, 0x73),
    Color(0xCC, 0x79, 0xA7),
    Color(0x56, 0xB4, 0xE9),
    Color(0xD5, 0x5E, 0x00),
    Color(0x80, 0x80, 0x80),
];

/// The truth.
pub(super) const TRUTH: Color = Color(0, 0, 0);
/// The data where they have no classes.
pub(super) const DATA: Color = Color(0xC8, 0xC8, 0xC8);
/// What helps to read a figure and is no result: bands and lines of reference.
pub(super) const GUIDE: Color = Color(0x80, 0x80, 0x80);
/// What went wrong.
pub(super) const WRONG: Color = Color(0xD5, 0x5E, 0x00);

/// How a point looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Marker {
    Circle,
    Triangle,
    Cross,
    Square,
    Ring,
}

impl Color {
    /// Lines that stand for no single component.
    pub(super) const INK: Self = Self(0x33, 0x33, 0x33);

    /// The colour of the thing in a place; they repeat.
    pub(super) fn of(place: usize) -> Self {
        PALETTE[place % PALETTE.len()]
    }

    /// The same hue, darker: for a line over points of that colour.
    pub(super) fn darker(self) -> Self {
        let darker = |channel: u8| (f64::from(channel) * 0.65).round() as u8;
        Self(darker(self.0), darker(self.1), darker(self.2))
    }

    /// As in a style sheet.
    pub(crate) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Marker {
    /// The marker of the thing in a place: another one each time that the colours begin again.
    pub(super) fn of(place: usize) -> Self {
        [Marker::Circle, Marker::Triangle, Marker::Cross][(place / PALETTE.len()) % 3]
    }

    /// The marker of one of few lines, each with its own colour as well.
    pub(super) fn of_line(place: usize) -> Self {
        [Marker::Circle, Marker::Triangle, Marker::Square, Marker::Ring, Marker::Cross][place % 5]
    }

    /// As a character.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Marker::Circle => "\u{25cf}",
            Marker::Triangle => "\u{25b2}",
            Marker::Cross => "\u{2716}",
            Marker::Square => "\u{25a0}",
            Marker::Ring => "\u{25cb}",
        }
    }
}
