//! The draws of all chains, kept compactly, with the permutation that undoes label switching in each.

use gmm_core::{Covariance, Label, Mixture, MixtureError, Model, NotPositiveDefinite, Shape, Structure, Symmetric};
use thiserror::Error;

use crate::{Relabelling, Start, Swaps};

/// The draws of one chain.
///
/// A draw takes `K + K d + c e` numbers: weights, means, and the entries of the c distinct learned covariances
/// (lower triangle by rows, diagonal, or one number).
#[derive(Debug, Clone, PartialEq)]
pub struct ChainDraws {
    /// Where the chain started.
    pub start: Start,
    /// How the rungs of its ladder exchanged states while draws were kept, if it was tempered.
    pub swaps: Option<Swaps>,
    /// Draw after draw.
    pub(crate) parameters: Vec<f64>,
    /// The log-likelihood of each draw, with all constants.
    pub ln_likelihood: Vec<f64>,
    /// Log-likelihood plus log prior of each draw.
    pub ln_posterior: Vec<f64>,
    /// Components with at least one row, of each draw.
    pub n_occupied: Vec<usize>,
    /// K numbers per draw: the component of the draw that takes the place of each pivot label.
    pub(crate) permutations: Vec<Label>,
}

/// The draws of several chains from the same posterior.
///
/// Components of a draw are matched to a pivot partition, the classification under the parameters of the highest likelihood seen during
/// warm-up, by [`match_components`](crate::match_components), or afterwards by [`Draws::relabel_stephens`]. They are listed in the order of the posterior means of
/// their first coordinates until [`Draws::reorder`] says otherwise.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::{Draws, Gibbs, sample};
/// let rows: Vec<[f64; 1]> = (0..30).map(|i| [f64::from(i % 10) / 10.0 + f64::from(i % 3) * 4.0]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(3, Structure::Tied(Shape::Full), &data)?;
/// let settings = Gibbs { chains: 2, warmup: 200, draws: 300, ..Gibbs::default() };
/// let mut draws: Draws = sample(&model, &data, &settings, &[], &Streams::new(4), &|_| {})?;
/// assert_eq!((draws.chains().len(), draws.n_draws()), (2, 300));
/// // The last draw of the second chain, and the distance between the outer means in all draws.
/// assert!(draws.draw(1, 299).weight(0) > 0.0);
/// let distances: Vec<Vec<f64>> = draws.map(|row| row.mean(2, 0) - row.mean(0, 0));
/// assert!(distances[0].iter().sum::<f64>() / 300.0 > 5.0);
/// draws.reorder(&[2, 1, 0]);
/// assert!(draws.draw(1, 299).mean(0, 0) > draws.draw(1, 299).mean(2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    model: Model,
    chains: Vec<ChainDraws>,
    pivot: Vec<Label>,
    /// Pivot labels in the order in which components are listed.
    order: Vec<usize>,
    relabelling: Relabelling,
}

/// Why the numbers of a draw are no mixture: rounding took a covariance or a weight from it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotAMixture {
    /// A covariance is not positive definite.
    #[error(transparent)]
    Covariance(#[from] NotPositiveDefinite),
    /// Weights or means are not those of a mixture.
    #[error(transparent)]
    Parameters(#[from] MixtureError),
}

/// The numbers of one draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Layout {
    pub(crate) k: usize,
    pub(crate) d: usize,
    pub(crate) shape: Shape,
    /// Distinct learned covariances: K, 1 or, when known, 0.
    pub(crate) n_covariances: usize,
}

impl Layout {
    pub(crate) fn of(model: &Model) -> Self {
        let n_covariances = match model.structure() {
            Structure::Known(_) => 0,
            structure => structure.n_covariances(model.k()),
        };
        Self { k: model.k(), d: model.d(), shape: model.shape(), n_covariances }
    }

    pub(crate) fn width(&self) -> usize {
        self.k + self.k * self.d + self.n_covariances * self.shape.n_entries(self.d)
    }

    fn mean(&self, k: usize) -> usize {
        self.k + k * self.d
    }

    fn covariance(&self, k: usize) -> usize {
        let distinct = if self.n_covariances == self.k { k } else { 0 };
        self.k + self.k * self.d + distinct * self.shape.n_entries(self.d)
    }

    /// Appends a mixture.
    pub(crate) fn push(&self, mixture: &Mixture, to: &mut Vec<f64>) {
        to.extend_from_slice(mixture.weights());
        to.extend_from_slice(mixture.means());
        for covariance in &mixture.covariances()[..self.n_covariances] {
            to.extend_from_slice(covariance.as_symmetric().entries());
        }
    }

    /// Writes what [`push`](Self::push) appended to a mixture of the model's structure. `matrix` has the model's shape.
    fn read(&self, numbers: &[f64], matrix: &mut Symmetric, mixture: &mut Mixture) -> Result<(), NotAMixture> {
        mixture.set_weights(&numbers[..self.k])?;
        for k in 0..self.k {
            mixture.set_mean(k, &numbers[self.mean(k)..self.mean(k) + self.d])?;
        }
        for index in 0..self.n_covariances {
            let start = self.covariance(index);
            matrix.set_entries(&numbers[start..start + self.shape.n_entries(self.d)]);
            mixture.set_covariance(index, matrix)?;
        }
        Ok(())
    }
}

impl Draws {
    pub(crate) fn new(model: Model, chains: Vec<ChainDraws>, pivot: Vec<Label>) -> Self {
        let order = (0..model.k()).collect();
        let mut draws = Self { model, chains, pivot, order, relabelling: Relabelling::Ecr };
        draws.list_by_means();
        draws
    }

    /// Lists the components in the order of the posterior means of their first coordinates.
    fn list_by_means(&mut self) {
        self.order = (0..self.model.k()).collect();
        let first: Vec<f64> = self.order.iter().map(|j| self.mean_of(|row| row.mean(*j, 0))).collect();
        self.order.sort_by(|&a, &b| first[a].total_cmp(&first[b]));
    }

    /// Draws of all chains.
    pub(crate) fn n_all(&self) -> usize {
        self.chains.len() * self.n_draws()
    }

    /// K numbers for each draw, chain after chain: its component in the place of each pivot label.
    pub(crate) fn permutations(&self) -> impl Iterator<Item = &[Label]> {
        self.chains.iter().flat_map(|chain| chain.permutations.chunks_exact(self.model.k()))
    }

    /// The permutation of one draw.
    pub(crate) fn permutation(&self, chain: usize, draw: usize) -> &[Label] {
        let k = self.model.k();
        &self.chains[chain].permutations[draw * k..(draw + 1) * k]
    }

    /// Replaces [`permutations`](Self::permutations), all in one, and lists the components anew.
    pub(crate) fn relabel(&mut self, permutations: &[Label], relabelling: Relabelling) {
        let length = self.n_draws() * self.model.k();
        for (chain, permutations) in self.chains.iter_mut().zip(permutations.chunks_exact(length)) {
            chain.permutations.copy_from_slice(permutations);
        }
        self.relabelling = relabelling;
        self.list_by_means();
    }

    #[cfg(test)]
    pub(crate) fn replace_chains(&mut self, chains: Vec<ChainDraws>) {
        self.chains = chains;
    }

    /// How label switching was undone.
    pub fn relabelling(&self) -> Relabelling {
        self.relabelling
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The chains.
    pub fn chains(&self) -> &[ChainDraws] {
        &self.chains
    }

    /// Draws of each chain.
    pub fn n_draws(&self) -> usize {
        self.chains[0].ln_likelihood.len()
    }

    /// The pivot partition (n).
    pub fn pivot(&self) -> &[Label] {
        &self.pivot
    }

    /// The component in place j as the prior numbers it: relevant when the concentrations differ.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Lists the components in another order: place j gets what is in place `order[j]` now.
    pub fn reorder(&mut self, order: &[usize]) {
        self.order = order.iter().map(|&j| self.order[j]).collect();
    }

    /// One draw, its components relabelled and in the listed order.
    pub fn draw(&self, chain: usize, draw: usize) -> DrawRow<'_> {
        let layout = Layout::of(&self.model);
        let width = layout.width();
        let permutation = self.permutation(chain, draw);
        let chain = &self.chains[chain];
        let numbers = &chain.parameters[draw * width..(draw + 1) * width];
        DrawRow { layout, chain, number: draw, numbers, permutation, draws: self }
    }

    /// A function of every draw, chain by chain.
    pub fn map(&self, f: impl Fn(&DrawRow<'_>) -> f64) -> Vec<Vec<f64>> {
        (0..self.chains.len())
            .map(|chain| (0..self.n_draws()).map(|draw| f(&self.draw(chain, draw))).collect())
            .collect()
    }

    /// One draw as a mixture, its components numbered as the sampler and the prior number them.
    ///
    /// # Errors
    /// [`NotAMixture`] if rounding left a covariance that is not positive definite.
    pub fn mixture(&self, chain: usize, draw: usize) -> Result<Mixture, NotAMixture> {
        let layout = Layout::of(&self.model);
        let mut mixture = self.model.blank_mixture();
        let mut matrix = Symmetric::zeros(layout.shape, layout.d);
        self.read(chain, draw, &mut matrix, &mut mixture)?;
        Ok(mixture)
    }

    /// [`mixture`](Self::mixture) in memory that is there: a matrix of the model's shape and a mixture of its structure.
    pub(crate) fn read(
        &self,
        chain: usize,
        draw: usize,
        matrix: &mut Symmetric,
        mixture: &mut Mixture,
    ) -> Result<(), NotAMixture> {
        let layout = Layout::of(&self.model);
        let width = layout.width();
        layout.read(&self.chains[chain].parameters[draw * width..(draw + 1) * width], matrix, mixture)
    }

    /// One draw as a mixture, its components relabelled and in the listed order.
    ///
    /// # Errors
    /// As [`mixture`](Self::mixture).
    pub fn relabelled(&self, chain: usize, draw: usize) -> Result<Mixture, NotAMixture> {
        let row = self.draw(chain, draw);
        let order: Vec<usize> = (0..self.model.k()).map(|j| row.component(j)).collect();
        Ok(self.mixture(chain, draw)?.permuted(&order))
    }

    fn mean_of(&self, f: impl Fn(&DrawRow<'_>) -> f64) -> f64 {
        let all = (0..self.chains.len()).flat_map(|chain| (0..self.n_draws()).map(move |draw| (chain, draw)));
        let sum: f64 = all.map(|(chain, draw)| f(&self.draw(chain, draw))).sum();
        sum / (self.chains.len() * self.n_draws()) as f64
    }

    /// The posterior means of weights, means and covariances, as a mixture. `None` if rounding leaves no mixture.
    pub fn mean_mixture(&self) -> Option<Mixture> {
        let (k, d) = (self.model.k(), self.model.d());
        let weights = (0..k).map(|j| self.mean_of(|row| row.weight(j))).collect();
        let means = (0..k).map(|j| (0..d).map(|i| self.mean_of(|row| row.mean(j, i))).collect()).collect();
        let layout = Layout::of(&self.model);
        let covariances: Option<Vec<Covariance>> = match self.model.structure() {
            Structure::Known(covariance) => Some(vec![covariance.clone()]),
            _ => (0..layout.n_covariances)
                .map(|j| {
                    let mut matrix = Symmetric::zeros(layout.shape, d);
                    let entries = layout.shape.n_entries(d);
                    let means: Vec<f64> =
                        (0..entries).map(|e| self.mean_of(|row| row.covariance_entry(j, e))).collect();
                    matrix.set_entries(&means);
                    Covariance::new(matrix).ok()
                })
                .collect(),
        };
        Mixture::new(weights, means, covariances?).ok()
    }
}

/// One draw; places count from 0 in the listed order.
#[derive(Debug, Clone, Copy)]
pub struct DrawRow<'a> {
    layout: Layout,
    chain: &'a ChainDraws,
    number: usize,
    numbers: &'a [f64],
    permutation: &'a [Label],
    draws: &'a Draws,
}

impl DrawRow<'_> {
    /// The component of the draw in place j, as the sampler numbered it.
    pub fn component(&self, j: usize) -> usize {
        usize::from(self.permutation[self.draws.order[j]])
    }

    /// The log-likelihood, with all constants.
    pub fn ln_likelihood(&self) -> f64 {
        self.chain.ln_likelihood[self.number]
    }

    /// Log-likelihood plus log prior.
    pub fn ln_posterior(&self) -> f64 {
        self.chain.ln_posterior[self.number]
    }

    /// Components with at least one row.
    pub fn n_occupied(&self) -> usize {
        self.chain.n_occupied[self.number]
    }

    /// The weight in place j.
    pub fn weight(&self, j: usize) -> f64 {
        self.numbers[self.component(j)]
    }

    /// All weights, in no particular order.
    pub fn weights(&self) -> &[f64] {
        &self.numbers[..self.layout.k]
    }

    /// Coordinate i of the mean in place j.
    pub fn mean(&self, j: usize, i: usize) -> f64 {
        self.numbers[self.layout.mean(self.component(j)) + i]
    }

    /// Stored entry e of the covariance in place j; the covariance must be learned.
    pub fn covariance_entry(&self, j: usize, e: usize) -> f64 {
        self.numbers[self.layout.covariance(self.component(j)) + e]
    }

    /// Entry (a, b) of the covariance in place j.
    pub fn covariance(&self, j: usize, a: usize, b: usize) -> f64 {
        match self.draws.model.structure() {
            Structure::Known(covariance) => covariance.as_symmetric().get(a, b),
            _ => self.layout.shape.index(a, b).map_or(0.0, |e| self.covariance_entry(j, e)),
        }
    }

    /// Coordinate i of the mean of the mixture distribution.
    pub fn mixture_mean(&self, i: usize) -> f64 {
        (0..self.layout.k).map(|j| self.weight(j) * self.mean(j, i)).sum()
    }

    /// Entry (a, b) of the covariance of the mixture distribution.
    pub fn mixture_covariance(&self, a: usize, b: usize) -> f64 {
        let centre = [self.mixture_mean(a), self.mixture_mean(b)];
        (0..self.layout.k)
            .map(|j| {
                let products = (self.mean(j, a) - centre[0]) * (self.mean(j, b) - centre[1]);
                self.weight(j) * (self.covariance(j, a, b) + products)
            })
            .sum()
    }
}
