//! Signs of life of a study: one bar on a terminal, a line now and then otherwise.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// The least time from one line to the next.
const EVERY: Duration = Duration::from_secs(10);

/// Where the work is told.
pub(super) enum Signs<'a> {
    Bar { bar: ProgressBar, failed: Mutex<usize> },
    Lines { say: &'a (dyn Fn(&str) + Sync), count: Mutex<Count>, all: usize },
}

pub(super) struct Count {
    done: usize,
    failed: usize,
    started: Instant,
    told: Instant,
}

impl<'a> Signs<'a> {
    /// For so many replicates to do.
    pub(super) fn new(bars: bool, all: usize, say: &'a (dyn Fn(&str) + Sync)) -> Self {
        if !bars {
            let now = Instant::now();
            return Self::Lines { say, count: Mutex::new(Count { done: 0, failed: 0, started: now, told: now }), all };
        }
        let bar = ProgressBar::new(all as u64);
        let template = "  [{bar:40}] {pos}/{len} replicates, {msg}{eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::Bar { bar, failed: Mutex::new(0) }
    }

    /// A replicate is done, and so many of its fits failed.
    pub(super) fn done(&self, failures: usize) {
        match self {
            Self::Bar { bar, failed } => {
                if let Ok(mut failed) = failed.lock().map_err(drop) {
                    *failed += failures;
                    if *failed > 0 {
                        bar.set_message(format!("{failed} failed fits, "));
                    }
                }
                bar.inc(1);
            }
            Self::Lines { say, count, all } => {
                let Ok(mut count) = count.lock() else { return };
                count.done += 1;
                count.failed += failures;
                if count.told.elapsed() >= EVERY {
                    count.told = Instant::now();
                    let left = count.started.elapsed().mul_f64((all - count.done.min(*all)) as f64 / count.done as f64);
                    let (done, failed) = (count.done, count.failed);
                    say(&format!("{done}/{all} replicates, {failed} failed fits, about {} left", HumanDuration(left)));
                }
            }
        }
    }
}

impl Drop for Signs<'_> {
    fn drop(&mut self) {
        if let Self::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}
