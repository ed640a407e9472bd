"""oneDAL's side of compare.py: daal4py.em_gmm, a difference of two runs, since it tells no times within one."""

import sys
import time
from importlib.metadata import version

import daal4py
import numpy as np

from common import read_cell, serve

cell, iterations, rows, weights, means, variances = read_cell(sys.argv[1:])
if cell.shape == "isotropic":
    sys.exit("oneDAL has no isotropic covariances")
daal4py.daalinit(nthreads=1)
storage, covariance = {"full": ("full", np.diag(variances)), "diagonal": ("diagonal", variances[None])}[cell.shape]


def timed(iterations):
    em = daal4py.em_gmm(
        cell.k,
        maxIterations=iterations,
        accuracyThreshold=0.0,
        regularizationFactor=0.0,
        covarianceStorage=storage,
    )
    start = [covariance.copy() for _ in range(cell.k)]
    begun = time.perf_counter()
    result = em.compute(rows, weights[None], means, start)
    seconds = time.perf_counter() - begun
    assert result.nIterations.item() == iterations
    return seconds, result.goalFunction.item()


def run():
    short, _ = timed(1)
    long, ln_likelihood = timed(1 + iterations)
    return (long - short) / iterations, {iterations: ln_likelihood}


serve(f"oneDAL by scikit-learn-intelex {version('scikit-learn-intelex')}", run)
