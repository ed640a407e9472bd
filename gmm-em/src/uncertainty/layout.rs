//! Where the coordinates of one component stand among those of the mixture.

use gmm_core::{Model, Shape, Structure};

use super::Parameter;

/// The coordinates of a component as if it shared none, and their places among [`Coordinates`](crate::Coordinates).
///
/// ```text
/// of component k:   ln w_k | mean (d) | the e entries of the factor of its covariance (Known: e = 0)
/// ```
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) k: usize,
    pub(crate) d: usize,
    pub(crate) shape: Shape,
    /// Learned entries of a factor.
    pub(crate) entries: usize,
    /// Learned covariances.
    pub(crate) covariances: usize,
}

impl Layout {
    pub(crate) fn new(model: &Model) -> Self {
        let (k, d, shape) = (model.k(), model.d(), model.shape());
        let (entries, covariances) = match model.structure() {
            Structure::Known(_) => (0, 0),
            structure => (shape.n_entries(d), structure.n_covariances(k)),
        };
        Self { k, d, shape, entries, covariances }
    }

    /// Coordinates of one component.
    pub(crate) fn width(&self) -> usize {
        1 + self.d + self.entries
    }

    /// Coordinates of the mixture.
    pub(crate) fn n(&self) -> usize {
        self.k - 1 + self.k * self.d + self.covariances * self.entries
    }

    /// The covariance of component k among the learned ones.
    pub(crate) fn covariance(&self, k: usize) -> usize {
        if self.covariances == 1 { 0 } else { k }
    }

    /// The place of coordinate `index` of component k; the weight of the last component has none.
    pub(crate) fn place(&self, k: usize, index: usize) -> Option<usize> {
        match index {
            0 => (k + 1 < self.k).then_some(k),
            _ if index <= self.d => Some(self.mean(k) + index - 1),
            _ => Some(self.factor(self.covariance(k)) + index - 1 - self.d),
        }
    }

    /// The first place of mean k.
    pub(crate) fn mean(&self, k: usize) -> usize {
        self.k - 1 + k * self.d
    }

    /// The first place of the factor of learned covariance c.
    pub(crate) fn factor(&self, c: usize) -> usize {
        self.k - 1 + self.k * self.d + c * self.entries
    }

    /// The rows and columns (i, j), j <= i, of a factor's entries, in the order of packing.
    pub(crate) fn factor_entries(&self) -> impl Iterator<Item = (usize, usize)> {
        let (d, shape, learned) = (self.d, self.shape, self.entries > 0);
        let rows = if learned { if shape == Shape::Isotropic { 1 } else { d } } else { 0 };
        (0..rows).flat_map(move |i| (if shape == Shape::Full { 0 } else { i }..=i).map(move |j| (i, j)))
    }

    /// The parameter that the coordinate at a place belongs to.
    pub(crate) fn parameter(&self, place: usize) -> Parameter {
        if place + 1 < self.k {
            return Parameter::Weight { component: place };
        }
        let place = place + 1 - self.k;
        if place < self.k * self.d {
            return Parameter::Mean { component: place / self.d, coordinate: place % self.d };
        }
        let place = place - self.k * self.d;
        let (i, j) = self.factor_entries().nth(place % self.entries.max(1)).unwrap_or_default();
        Parameter::Covariance { component: place / self.entries.max(1), i: j, j: i }
    }
}
