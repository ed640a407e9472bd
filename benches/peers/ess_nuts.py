"""NumPyro's side of gibbs.py: NUTS on the mixture with its allocations summed out, in double precision.

The same model with the same prior: precisions by the Cholesky factor of a Wishart, means given them. Every chain starts
at a given mixture. The kernel is driven by a jitted loop, compiled before the first run, which is not timed; `MCMC.run`
takes minutes here, most of them to compile again. One chain after the other: chains side by side (`vmap`) drew as fast
on one processor and took twice as long to warm up. A dense mass matrix was no faster.
"""

import json
import os
import sys
import time

os.environ["JAX_ENABLE_X64"] = "1"

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.linalg import solve_triangular
from numpyro.infer import NUTS, init_to_value

from common import serve_draws

problem = json.loads(open(sys.argv[1]).read())
chains, warmup, draws = problem["chains"], problem["warmup"], problem["draws"]
prior, start = problem["prior"], problem["start"]
x = jnp.asarray(problem["rows"])
d, k = x.shape[1], len(start["weights"])
mean, scale = jnp.asarray(prior["mean"]), jnp.asarray(prior["scale"])


def model():
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.asarray(prior["concentration"])))
    with numpyro.plate("components", k):
        # The factor of a precision: rate = scale of the inverse-Wishart prior of the covariance.
        factors = numpyro.sample("factors", dist.WishartCholesky(prior["dof"], rate_matrix=scale))
        spread = np.sqrt(prior["kappa"]) * factors
        means = numpyro.sample("means", dist.MultivariateNormal(mean, precision_matrix=spread @ spread.mT))
    # P = L L', so the quadratic form is |L' (x - mu)|^2.
    y = jnp.einsum("kji,knj->kni", factors, x[None] - means[:, None])
    ln_det = jnp.log(jnp.diagonal(factors, axis1=1, axis2=2)).sum(1)
    ln_joint = (jnp.log(weights) + ln_det)[:, None] - 0.5 * (y**2).sum(2) - 0.5 * d * np.log(2 * np.pi)
    numpyro.factor("rows", jax.scipy.special.logsumexp(ln_joint, axis=0).sum())


precisions = np.linalg.inv(np.asarray(start["covariances"]))
values = {
    "weights": jnp.asarray(start["weights"]),
    "means": jnp.asarray(start["means"]),
    "factors": jnp.asarray(np.linalg.cholesky(precisions)),
}
kernel = NUTS(model, init_strategy=init_to_value(values=values))
step = lambda state: kernel.sample(state, (), {})
warm_up = jax.jit(lambda state: jax.lax.fori_loop(0, warmup, lambda _, state: step(state), state))
draw = jax.jit(lambda state: jax.lax.scan(lambda state, _: ((new := step(state)), new.z), state, None, length=draws))


def run(seed):
    keys = jax.random.split(jax.random.PRNGKey(seed), chains)
    starts = jax.block_until_ready([kernel.init(key, warmup, None, (), {}) for key in keys])
    begun = time.perf_counter()
    warmed = jax.block_until_ready([warm_up(state) for state in starts])
    warm = time.perf_counter()
    drawn = jax.block_until_ready([draw(state)[1] for state in warmed])
    done = time.perf_counter()
    constrain = jax.vmap(jax.vmap(kernel.postprocess_fn((), {})))
    drawn = constrain(jax.tree.map(lambda *chains: jnp.stack(chains), *drawn))
    inverse = jax.vmap(jax.vmap(jax.vmap(lambda l: solve_triangular(l, jnp.eye(d), lower=True))))(drawn["factors"])
    covariances = jnp.einsum("cdkji,cdkjl->cdkil", inverse, inverse)
    return warm - begun, done - warm, (drawn["weights"], drawn["means"], covariances)


run(0)
serve_draws(f"NumPyro {numpyro.__version__} NUTS", sys.argv[2], run)
