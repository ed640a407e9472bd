"""scikit-learn's side of compare.py: GaussianMixture.fit, timed from its first E-step to its last."""

import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture

from common import read_cell, serve

TYPES = {"full": "full", "diagonal": "diag", "isotropic": "spherical"}
cell, iterations, rows, weights, means, variances = read_cell(sys.argv[1:])
precisions = {
    "full": np.repeat(np.diag(1 / variances)[None], cell.k, axis=0),
    "diagonal": np.repeat(1 / variances[None], cell.k, axis=0),
    "isotropic": np.full(cell.k, 1 / variances[0]),
}


class Timed(GaussianMixture):
    """Notes when each E-step starts. `fit` does one more after the last iteration, which is where the clock stops."""

    def _e_step(self, *arguments, **options):
        self.ticks.append(time.perf_counter())
        return super()._e_step(*arguments, **options)


def run():
    model = Timed(
        cell.k,
        covariance_type=TYPES[cell.shape],
        tol=0.0,
        reg_covar=0.0,
        max_iter=iterations,
        weights_init=weights,
        means_init=means,
        precisions_init=precisions[cell.shape],
    )
    model.ticks = []
    model.fit(rows)
    assert len(model.ticks) == iterations + 1
    bounds = np.array(model.lower_bounds_) * cell.n
    return (model.ticks[-1] - model.ticks[0]) / iterations, dict(enumerate(bounds))


warnings.simplefilter("ignore")  # that it has not converged
serve(f"scikit-learn {sklearn.__version__}", run)
