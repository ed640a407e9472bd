//! What is in a figure, as plain data, and its drawing.

use serde::{Deserialize, Serialize};

use super::heat::Shades;
use super::panel::{self, Panel};

/// A picture before it is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Picture {
    /// Axes with marks, side by side.
    Panels(Panels),
    /// A matrix of probabilities.
    Shades(Shades),
}

/// Panels in rows of so many, all of the same size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Panels {
    pub(super) panels: Vec<Panel>,
    pub(super) columns: usize,
    /// The width and height of a panel, in pixels.
    pub(super) size: (u32, u32),
}

impl Picture {
    /// Panels in rows of `columns`, with no more digits than are seen; `size` is that of one.
    pub(super) fn panels(panels: Vec<Panel>, columns: usize, size: (u32, u32)) -> Self {
        let panels = panels.into_iter().map(Panel::rounded).collect();
        Self::Panels(Panels { panels, columns: columns.max(1), size })
    }

    /// The width that it is made for, in pixels.
    pub(crate) fn width(&self) -> u32 {
        match self {
            Self::Panels(panels) => panels.size.0.saturating_mul(panels.columns as u32),
            Self::Shades(_) => Shades::WIDTH,
        }
    }

    /// What its axes measure, in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Panels(panels) => panel::words(&panels.panels),
            Self::Shades(_) => "rows against rows".to_owned(),
        }
    }

    /// As an SVG element; its texts are escaped.
    ///
    /// # Errors
    /// What the drawing library says.
    pub(crate) fn svg(&self) -> Result<String, String> {
        match self {
            Self::Panels(Panels { panels, columns, size }) => panel::svg(panels, *columns, *size),
            Self::Shades(shades) => Ok(shades.svg()),
        }
    }
}
