"""JAX's side of compare.py: EM as one jitted scan over the iterations.

The fastest of about ten ways to write it (rows or columns first; all rows at once, one component at a time, or blocks;
one product for all components or one each): an inner scan over blocks of 500 rows, which keeps the arrays
K x d x 500 in the cache. Cholesky factors, differences centred per component, one exponential per row and component,
statistics about the current mean. In double precision. Sums of x and x^2 would be 2 to 4 times faster where covariances
are diagonal, but lose all digits far from the origin.
"""

import os
import sys
import time

os.environ["JAX_ENABLE_X64"] = "1"

import jax
import jax.numpy as jnp
import numpy as np

from common import read_cell, serve

BLOCK = 500
cell, iterations, rows, weights, means, variances = read_cell(sys.argv[1:])
n, d, k, shape = cell.n, cell.d, cell.k, cell.shape
whole = n // BLOCK * BLOCK
blocks = jnp.asarray(rows[:whole].reshape(-1, BLOCK, d).transpose(0, 2, 1).copy())
rest = jnp.asarray(rows[whole:].T.copy())
spread = {"full": np.diag(variances), "diagonal": variances, "isotropic": variances[:1]}[shape]
start = (jnp.asarray(weights), jnp.asarray(means), jnp.asarray(np.repeat(spread[None], k, axis=0)))


def factors(spreads):
    """Whitening factors, and half the logarithms of their squared determinants."""
    if shape == "full":
        lower = jnp.linalg.cholesky(spreads)
        invert = lambda l: jax.scipy.linalg.solve_triangular(l, jnp.eye(d), lower=True)
        return jax.vmap(invert)(lower), -jnp.log(jnp.diagonal(lower, axis1=1, axis2=2)).sum(1)
    repeats = d if shape == "isotropic" else 1
    return 1 / jnp.sqrt(spreads), -0.5 * repeats * jnp.log(spreads).sum(1)


def sums(parameters, constants, whiteners, totals, x):
    """Adds what a block of rows (d, block) contributes."""
    _, means, _ = parameters
    z = x[None] - means[:, :, None]
    y = whiteners @ z if shape == "full" else whiteners[:, :, None] * z
    q = constants[:, None] - 0.5 * (y * y).sum(1)
    largest = q.max(0)
    e = jnp.exp(q - largest)
    total = e.sum(0)
    r = e / total
    if shape == "full":
        rz = r[:, None] * z
        first, second = rz.sum(2), rz @ z.transpose(0, 2, 1)
    else:
        first, second = jnp.einsum("kb,kjb->kj", r, z), jnp.einsum("kb,kjb->kj", r, z * z)
        second = second if shape == "diagonal" else second.sum(1, keepdims=True)
    new = ((largest + jnp.log(total)).sum(), r.sum(1), first, second)
    return jax.tree.map(jnp.add, totals, new), None


def iteration(parameters, blocks, rest):
    weights, means, spreads = parameters
    whiteners, ln_scale = factors(spreads)
    constants = jnp.log(weights) + ln_scale - 0.5 * d * np.log(2 * np.pi)
    zeros = (jnp.zeros(()), jnp.zeros(k), jnp.zeros((k, d)), jnp.zeros_like(spreads))
    step = lambda totals, x: sums(parameters, constants, whiteners, totals, x)
    totals, _ = jax.lax.scan(step, zeros, blocks)
    ln_likelihood, weight, first, second = step(totals, rest)[0] if rest.size else totals
    shift = first / weight[:, None]
    correction = {
        "full": lambda: shift[:, :, None] * shift[:, None],
        "diagonal": lambda: shift**2,
        "isotropic": lambda: (shift**2).sum(1)[:, None],
    }[shape]()
    spreads = second / weight.reshape(-1, *[1] * (second.ndim - 1)) - correction
    return (weight / n, means + shift, spreads / (d if shape == "isotropic" else 1)), ln_likelihood


@jax.jit
def climb(parameters, blocks, rest):
    return jax.lax.scan(lambda p, _: iteration(p, blocks, rest), parameters, None, length=iterations)


compiled = climb.lower(start, blocks, rest).compile()


def run():
    begun = time.perf_counter()
    _, trace = jax.block_until_ready(compiled(start, blocks, rest))
    return (time.perf_counter() - begun) / iterations, dict(enumerate(np.asarray(trace)))


serve(f"JAX {jax.__version__}", run)
