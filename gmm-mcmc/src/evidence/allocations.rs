//! Allocations of the rows, drawn anew for stored draws, and the posteriors of the parameters given them.

use gmm_core::{Data, Label, Mixture, Posterior, Rule, Statistics, Streams, Workspace, sweep};

use super::NoEvidence;
use super::conditional::Conditional;
use crate::Draws;

/// Which draw: its chain and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) chain: usize,
    pub(crate) draw: usize,
}

/// Draws allocations; one for each parallel task.
pub(crate) struct Allocator<'a> {
    data: &'a Data,
    draws: &'a Draws,
    streams: &'a Streams,
    labels: Vec<Label>,
    statistics: Statistics,
    posterior: Posterior,
    workspace: Workspace,
}

impl<'a> Allocator<'a> {
    /// Allocations of a draw depend on the streams and its place alone.
    pub(crate) fn new(data: &'a Data, draws: &'a Draws, streams: &'a Streams) -> Self {
        let statistics = draws.model().blank_statistics();
        Self {
            data,
            draws,
            streams,
            labels: vec![0; data.n()],
            posterior: draws.model().posterior(&statistics),
            statistics,
            workspace: Workspace::new(),
        }
    }

    /// The posterior of the parameters given allocations `z ~ p(z | theta, y)` for a stored draw theta. With theta from the
    /// posterior, z is from its posterior too: no more is asked of the allocations, so that the sampler need not keep its own.
    pub(crate) fn posterior(&mut self, place: Place) -> Result<&mut Posterior, NoEvidence> {
        let Place { chain, draw } = place;
        let mixture = self.mixture(place)?;
        let streams = self.streams.split(chain as u64);
        let rule = Rule::Draw { streams: &streams, sweep: draw as u64, labels: &mut self.labels };
        sweep(self.data, &mixture, rule, &mut self.statistics, &mut self.workspace);
        self.posterior.update(&self.statistics);
        Ok(&mut self.posterior)
    }

    /// The density of that posterior.
    pub(crate) fn conditional(&mut self, place: Place) -> Result<Conditional, NoEvidence> {
        let model = self.draws.model();
        let Place { chain, draw } = place;
        Conditional::new(model, self.posterior(place)?).map_err(|source| NoEvidence::Conditional {
            chain,
            draw,
            source,
        })
    }

    /// The stored draw.
    pub(crate) fn mixture(&self, Place { chain, draw }: Place) -> Result<Mixture, NoEvidence> {
        self.draws.mixture(chain, draw).map_err(|source| NoEvidence::NotAMixture { chain, draw, source })
    }

    /// The log-likelihood of any mixture plus its log prior.
    pub(crate) fn ln_posterior(&mut self, mixture: &Mixture) -> f64 {
        let rule = Rule::Classify { labels: &mut self.labels };
        let totals = sweep(self.data, mixture, rule, &mut self.statistics, &mut self.workspace);
        totals.ln_likelihood + self.draws.model().ln_prior(mixture)
    }
}

/// The first or the second half of each chain; the middle draw of an odd number belongs to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    First,
    Second,
}

impl Half {
    /// The draws of each chain.
    pub(crate) fn places(self, draws: &Draws) -> Vec<Vec<Place>> {
        let middle = draws.n_draws() / 2;
        let range = match self {
            Self::First => 0..middle,
            Self::Second => middle..draws.n_draws(),
        };
        let chains = 0..draws.chains().len();
        chains.map(|chain| range.clone().map(|draw| Place { chain, draw }).collect()).collect()
    }
}

/// At most `n` of the places, evenly spaced.
pub(crate) fn spaced(places: &[Place], n: usize) -> Vec<Place> {
    let n = n.min(places.len());
    (0..n).map(|i| places[i * places.len() / n]).collect()
}
