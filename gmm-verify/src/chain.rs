//! A chain, tempered or not.

use gmm_core::{Data, Mixture, Model, Streams};
use gmm_mcmc::{Gibbs, Scan, TemperedScan};

use crate::Failure;

/// A chain of the kind that settings of Gibbs sampling ask for.
#[derive(Debug)]
pub(crate) enum Chain<'a> {
    Plain(Box<Scan<'a>>),
    Tempered(Box<TemperedScan<'a>>),
}

impl<'a> Chain<'a> {
    /// From a mixture on, at which the allocations are drawn.
    pub(crate) fn new(
        gibbs: &Gibbs,
        model: &'a Model,
        data: &'a Data,
        start: Mixture,
        streams: Streams,
    ) -> Result<Self, Failure> {
        Ok(match gibbs.tempering {
            None => Self::Plain(Box::new(Scan::of_kind(gibbs.kind, model, data, start, streams)?)),
            Some(tempering) => {
                Self::Tempered(Box::new(TemperedScan::new(gibbs.kind, tempering, model, data, start, streams)?))
            }
        })
    }

    /// Whose draws are those of the posterior.
    pub(crate) fn cold(&self) -> &Scan<'a> {
        match self {
            Self::Plain(scan) => scan,
            Self::Tempered(scans) => scans.cold(),
        }
    }

    pub(crate) fn warm_up(&mut self, scans: usize) -> Result<(), Failure> {
        match self {
            Self::Plain(scan) => (0..scans).try_for_each(|_| scan.step().map_err(Failure::from)),
            Self::Tempered(tempered) => tempered.warm_up(scans, |_| Ok::<(), Failure>(())),
        }
    }

    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        Ok(match self {
            Self::Plain(scan) => scan.step(),
            Self::Tempered(scans) => scans.step(),
        }?)
    }
}
