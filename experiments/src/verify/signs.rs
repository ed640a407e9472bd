//! Signs of life: a bar for the part that runs on a terminal, plain lines otherwise; and how long each part took.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gmm_verify::Part;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// How long a part took, for the manifest.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timing {
    fit: String,
    part: String,
    seconds: f64,
}

/// What is shown while parts run.
pub(crate) struct Signs<'a> {
    bars: bool,
    say: &'a (dyn Fn(&str) + Sync),
    timings: Mutex<Vec<Timing>>,
}

impl<'a> Signs<'a> {
    /// Bars or none; `say` prints a line.
    pub(crate) fn new(bars: bool, say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { bars, say, timings: Mutex::default() }
    }

    /// Shows a bar of so many steps while a part runs, and says how long it took.
    pub(crate) fn during<T>(&self, fit: &str, part: Part, steps: usize, run: impl FnOnce(&ProgressBar) -> T) -> T {
        let started = Instant::now();
        let bar = if self.bars { ProgressBar::new(steps as u64) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  {prefix} [{bar:40}] {pos}/{len}, {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(format!("{fit}: {part}"));
        if self.bars {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let done = run(&bar);
        bar.finish_and_clear();
        let seconds = started.elapsed().as_secs_f64();
        (self.say)(&format!("{fit}: {part}: done in {seconds:.2} s"));
        let timing = Timing { fit: fit.to_owned(), part: part.to_string(), seconds };
        self.timings.lock().unwrap_or_else(PoisonError::into_inner).push(timing);
        done
    }

    /// All parts that ran, in order.
    pub(crate) fn timings(self) -> Vec<Timing> {
        self.timings.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
