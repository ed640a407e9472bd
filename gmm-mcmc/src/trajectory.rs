//! The first scans of a chain, by sampling once more.

use gmm_core::{Data, Degenerate, Mixture, Streams};
use thiserror::Error;

use crate::relabel::ComponentMatcher;
use crate::sample::start;
use crate::{Draws, Gibbs, GibbsError, Scan, check};

/// One scan of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Scans so far, warm-up included; 0 at the start.
    pub scan: usize,
    /// The log-likelihood, with all constants.
    pub ln_likelihood: f64,
    /// Log-likelihood plus log prior.
    pub ln_posterior: f64,
    /// The parameters, relabelled, in the order in which the draws list components.
    pub mixture: Mixture,
}

/// Why there is no trajectory.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoTrajectory {
    /// The chain cannot run.
    #[error(transparent)]
    Sampling(#[from] GibbsError),
    /// There is no such chain.
    #[error("chain {chain} where there are {of}, counted from 0")]
    Chain {
        /// The chain that was asked for.
        chain: usize,
        /// How many there are.
        of: usize,
    },
    /// The draws are those of a table of another size.
    #[error("{} rows of {} columns where the draws are of {} rows of {}", found[0], found[1], expected[0], expected[1])]
    Table {
        /// Rows and columns of the data.
        found: [usize; 2],
        /// Of the data that the draws are of.
        expected: [usize; 2],
    },
    /// The chain is not that of the draws.
    #[error(
        "scan {scan} of chain {chain} has the log-likelihood {found} where the draws have {expected}: data, settings, optima or \
         streams are not those of the draws"
    )]
    Another {
        /// The chain, from 0.
        chain: usize,
        /// The scan, from 1, warm-up included.
        scan: usize,
        /// The log-likelihood.
        found: f64,
        /// That of the draw.
        expected: f64,
    },
}

/// Why scans end.
enum End {
    /// There are as many as were asked for.
    Enough,
    Failed(Degenerate),
}

impl From<Degenerate> for End {
    fn from(source: Degenerate) -> Self {
        Self::Failed(source)
    }
}

/// The first `most` states of a chain of a run, from where it started, warm-up included; of a tempered chain the cold rung. Fewer
/// where the run has fewer scans.
///
/// The chain is sampled once more with the same random numbers, so `data`, `settings`, `optima` and `streams` must be
/// those that [`sample`](crate::sample) had when it returned `draws`: the scans after the warm-up are then the first draws of that chain
/// That takes as long as so many scans and holds nothing meanwhile but what is returned.
///
/// Components are relabelled as those of draws are: each state's allocation of the rows is matched with the pivot partition of
/// the draws by [`match_components`](crate::match_components), and listed in their order. Where the draws have been relabelled
/// otherwise since ([`Draws::relabel_stephens`]), states are still matched with the pivot.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::{Gibbs, sample, trajectory};
/// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let settings = Gibbs { chains: 2, warmup: 10, draws: 50, ..Gibbs::default() };
/// let draws = sample(&model, &data, &settings, &[], &Streams::new(1), &|_| {})?;
/// let frames = trajectory(&draws, &data, &settings, &[], &Streams::new(1), 0, 30)?;
/// assert_eq!(frames.len(), 30);
/// assert_eq!(frames[11].mixture.means(), draws.relabelled(0, 0)?.means());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NoTrajectory`]: what [`sample`](crate::sample) refuses, or draws of other data or of another chain; the latter is seen once the
/// warm-up is over.
pub fn trajectory(
    draws: &Draws,
    data: &Data,
    settings: &Gibbs,
    optima: &[Mixture],
    streams: &Streams,
    chain: usize,
    most: usize,
) -> Result<Vec<Frame>, NoTrajectory> {
    let model = draws.model();
    if draws.pivot().len() != data.n() || model.d() != data.d() {
        let (expected, found) = ([draws.pivot().len(), model.d()], [data.n(), data.d()]);
        return Err(NoTrajectory::Table { found, expected });
    }
    check(model, data, settings)?;
    if chain >= draws.chains().len() {
        return Err(NoTrajectory::Chain { chain, of: draws.chains().len() });
    }
    let mut matcher = ComponentMatcher::new(draws.pivot(), &model.prior().weights);
    let mut frames: Vec<Frame> = Vec::new();
    let mut keep = |scan: &Scan<'_>| {
        if frames.len() < most {
            let places = matcher.match_components(scan.labels());
            let order: Vec<usize> = draws.order().iter().map(|label| places[*label]).collect();
            frames.push(Frame {
                scan: frames.len(),
                ln_likelihood: scan.ln_likelihood(),
                ln_posterior: scan.ln_posterior(),
                mixture: scan.mixture().permuted(&order),
            });
        }
        if frames.len() < most { Ok(()) } else { Err(End::Enough) }
    };
    let (_, mut sampler) = start(model, data, settings, optima, chain, &streams.split(chain as u64))?;
    let mut scans = || {
        keep(sampler.cold())?;
        sampler.warm_up(settings.warmup, &mut keep)?;
        for _ in 0..settings.draws {
            sampler.step()?;
            keep(sampler.cold())?;
        }
        Ok(())
    };
    if let Err(End::Failed(source)) = scans() {
        let scan = sampler.cold().number();
        return Err(GibbsError::Degenerate { chain, scan, source }.into());
    }
    let kept = frames.iter().skip(settings.warmup + 1).zip(&draws.chains()[chain].ln_likelihood);
    match kept.map(|(frame, expected)| (frame, *expected)).find(|(frame, expected)| frame.ln_likelihood != *expected) {
        Some((frame, expected)) => {
            Err(NoTrajectory::Another { chain, scan: frame.scan, found: frame.ln_likelihood, expected })
        }
        None => Ok(frames),
    }
}
