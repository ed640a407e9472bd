//! Results for people: tables for the terminal, a page for the browser.

mod figure;
mod names;
mod numbers;
pub(crate) mod page;
mod pages;
mod parameters;
mod posteriors;
mod render;
mod runs;
mod selection;
mod study;
mod study_doubts;
#[cfg(test)]
mod study_example;
mod study_findings;
mod terminal;
mod varied;
mod verification;

pub(crate) use names::{counted, joined, listed, upper};
pub(crate) use pages::{run_page, runs_page, study_page, verification_page};
pub(crate) use render::{figures, html};
pub(crate) use runs::runs;
pub(crate) use selection::selection;
pub(crate) use study::study;
pub(crate) use terminal::terminal;
pub(crate) use verification::verification;
