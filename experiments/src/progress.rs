//! Signs of life: a bar for each restart or chain on a terminal, plain lines otherwise.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::experiment::{Fit, Method, Sampling};

/// More bars than this would scroll: the rest share one.
const MOST_BARS: usize = 8;

/// The progress of one fit.
pub struct Progress {
    bars: Vec<ProgressBar>,
    work: Work,
    all: MultiProgress,
}

#[derive(Clone, Copy)]
enum Work {
    Quiet,
    Restarts(usize),
    Chains { scans: usize },
}

impl Progress {
    /// Progress that is not shown.
    pub fn hidden() -> Self {
        Self { bars: Vec::new(), work: Work::Quiet, all: MultiProgress::new() }
    }

    /// Bars for a fit on the terminal.
    pub fn bars(fit: &Fit) -> Self {
        let all = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ")
        };
        let restarts = fit.method.plan().map_or(0, |plan| plan.restarts);
        let (work, bars) = match &fit.method {
            Method::Em(_) | Method::Stepwise(_) | Method::Gradient(_) => {
                let own = restarts.min(MOST_BARS);
                let mut bars: Vec<ProgressBar> = (0..own)
                    .map(|restart| {
                        let bar = all.add(ProgressBar::new_spinner());
                        bar.set_style(style("  {prefix:<12} {spinner} {msg}"));
                        bar.set_prefix(format!("restart {restart}"));
                        bar
                    })
                    .collect();
                let bar = all.add(ProgressBar::new(restarts as u64));
                bar.set_style(style("  {prefix:<12} [{bar:40}] {pos}/{len} restarts"));
                bar.set_prefix(fit.name.clone());
                bars.push(bar);
                (Work::Restarts(restarts), bars)
            }
            Method::Gibbs(Sampling { gibbs, .. }) => {
                let scans = gibbs.warmup + gibbs.draws;
                let bars = (0..gibbs.chains.min(MOST_BARS))
                    .map(|chain| {
                        let bar = all.add(ProgressBar::new(scans as u64));
                        bar.set_style(style("  {prefix:<12} [{bar:40}] {pos}/{len} scans, {eta} left"));
                        bar.set_prefix(format!("chain {chain}"));
                        bar
                    })
                    .collect();
                (Work::Chains { scans }, bars)
            }
        };
        for bar in &bars {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bars, work, all }
    }

    /// A step of a climb.
    pub(crate) fn climb(&self, step: gmm_em::Progress) {
        let Work::Restarts(restarts) = self.work else { return };
        let own = restarts.min(MOST_BARS);
        let seldom = step.iteration.is_multiple_of(64);
        if let Some(bar) = self.bars[..own].get(step.restart).filter(|_| seldom || step.finished) {
            bar.set_message(format!("iteration {}, objective {:.6}", step.iteration, step.objective));
        }
        if step.finished {
            self.bars[own].inc(1);
        }
    }

    /// A scan of a chain.
    pub(crate) fn gibbs(&self, step: gmm_mcmc::Progress) {
        let Work::Chains { scans } = self.work else { return };
        let seldom = step.scans.is_multiple_of(32) || step.scans == scans;
        if let Some(bar) = self.bars.get(step.chain).filter(|_| seldom) {
            bar.set_position(step.scans as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for bar in &self.bars {
            bar.finish_and_clear();
        }
        // A terminal that went away is no reason to fail.
        let _ = self.all.clear();
    }
}
