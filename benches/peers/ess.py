"""The rank-normalised bulk effective sample size of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021)."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata


def bulk_ess(draws):
    """Of draws (chains x draws): chains split in halves, ranks to normal scores, then `ess`."""
    draws = np.asarray(draws)
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    ranks = rankdata(split, method="average").reshape(split.shape)
    return ess(ndtri((ranks - 0.375) / (split.size + 0.25)))


def ess(chains):
    """Geyer's initial monotone sequence of the autocorrelations, pooled over the chains."""
    m, n = chains.shape
    centred = chains - chains.mean(axis=1, keepdims=True)
    transform = np.fft.rfft(centred, 2 * n, axis=1)
    autocovariance = np.fft.irfft(np.abs(transform) ** 2, axis=1)[:, :n].mean(axis=0) / n
    between = chains.mean(axis=1).var(ddof=1) if m > 1 else 0.0
    within = autocovariance[0] * n / (n - 1)
    rho = 1 - (within - autocovariance) / (autocovariance[0] + between)
    rho[0] = 1
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    end = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs) - 1
    tau = -1 + 2 * np.minimum.accumulate(pairs[:end]).sum() + max(rho[2 * end], 0)
    return m * n / max(tau, 1 / np.log10(m * n))
