//! What stands in the reports.

mod lead;
mod made;
mod points;
mod reconciled;
mod run;
mod runs;
mod study;
mod tables;
#[cfg(test)]
mod tests;
mod verification;

pub(crate) use run::run_page;
pub(crate) use runs::runs_page;
pub(crate) use study::study_page;
pub(crate) use tables::method;
pub(crate) use verification::verification_page;

use super::page::{Block, Figure, Figures, Room};

/// Figures, if there are any.
fn figures(room: Room, figures: Vec<Figure>) -> Option<Block> {
    (!figures.is_empty()).then_some(Block::Figures(Figures { room, figures }))
}
