"""scikit-learn's side of shares.py: GaussianMixture from random rows, one fit for each seed.

`reg_covar` stays at its default of 1e-6: with 0 the start itself, a covariance for each single row, is an error.
"""

import sys
import warnings

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture

from common import input_line

TYPES = {"full": "full", "diag": "diag", "iso": "spherical", "tied": "tied"}


def solve(problem):
    """A line for each seed: iterations, weights, means and covariances (k, d, d); not a number where a fit failed."""
    number = lambda name: int(problem[name][0])
    n, d, k = number("n"), number("d"), number("k")
    family = problem["family"][0]
    rows = np.array(problem["rows"], float).reshape(n, d)
    results = np.full((number("restarts"), 1 + k * (1 + d + d * d)), np.nan)
    for seed, result in enumerate(results):
        model = GaussianMixture(
            k,
            covariance_type=TYPES[family],
            # The gain of ln L for a row; that of the others is relative to the size of ln L.
            tol=float(problem["tolerance"][0]) * float(problem["size"][0]) / n,
            max_iter=number("max_iterations"),
            init_params="random_from_data",
            random_state=seed,
        )
        try:
            model.fit(rows)
        except ValueError:  # a covariance that is not positive definite
            continue
        covariances = {
            "full": lambda c: c,
            "tied": lambda c: np.broadcast_to(c, (k, d, d)),
            "diag": lambda c: c[:, :, None] * np.eye(d),
            "iso": lambda c: c[:, None, None] * np.eye(d),
        }[family](model.covariances_)
        result[:] = np.concatenate([[model.n_iter_], model.weights_, model.means_.ravel(), covariances.ravel()])
    return results


source, output = sys.argv[1:]
warnings.simplefilter("ignore")  # that it has not converged
print("ready scikit-learn", sklearn.__version__, flush=True)
while input_line():
    with open(source) as lines:
        problem = {name: values for name, *values in map(str.split, lines)}
    solve(problem).astype("<f8").tofile(output)
    print("done", flush=True)
