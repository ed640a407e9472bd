//! Results for people: tables for the terminal, a page for the browser.

mod figure;
mod html;
mod names;
mod numbers;
mod posteriors;
mod selection;
mod terminal;
mod verification;

pub(crate) use html::{html, verification_page};
pub(crate) use names::listed;
pub(crate) use selection::selection;
pub(crate) use terminal::terminal;
pub(crate) use verification::verification;
