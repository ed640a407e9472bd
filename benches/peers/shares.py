#!/usr/bin/env python3
"""How many of 30 random starts find the best optimum: gmm beside scikit-learn and mclust on the cases of reference/.

A cases are maxima of the likelihood, B cases and `A_seed_jax_MAP_Dir22` modes of the posterior under a prior. A start
has found the best optimum if its objective is within 1e-6 (1 + |best|) of it, whatever the program. The best is the
stored one, or a higher one that some program found and that is not collapsed, which is then said below the table.

Each program starts in its own way. gmm takes K random rows, each other row joins its nearest (columns scaled), and the
components have the means of their rows and one pooled covariance; each fit has starts of its own. scikit-learn
(`random_from_data`) takes K random rows and covariances of 1e-6, so each other row joins its nearest (columns as they
are), and the components have means and covariances of their rows; tied, however, it takes the second moments of all
rows about the origin times n / K, and most starts end where all components are equal. mclust gets a random partition of
the rows (`hcRandomPairs`, cut at K classes). When the programs stop: see TOLERANCE.

gmm's starts that collapse by its own rule have found nothing. The same rule is applied to the parameters that the
others return: with a flat prior, a smallest eigenvalue below 1e-4 on columns of unit sd, or fewer than d + 1.5
effective rows where components have covariances of their own. A fit that fails has found nothing either.

The objective of the others is computed here from their parameters: ln L, or ln L + ln prior with all constants. The
same code is held against every stored optimum and every estimate of gmm; where they differ by more than 1e-9 of their
size the script exits with 1. A dash: the program cannot say the problem. scikit-learn has no tied diagonal, tied
isotropic and known covariances, and no prior. mclust has no known covariances, and of priors only those of means and
covariances together, the weights' flat, diagonal scales of one number; for tied diagonal and tied isotropic ones its
M-step is not that of the joint mode.
"""

import argparse
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp
from scipy.stats import dirichlet, invgamma, invwishart, multivariate_normal

from common import HERE, ROOT, Skipped, Worker, cargo, table

# The fits of a config, by the name of their column.
FITS = {
    "EM": 'Em(name: "EM", objective: {objective}, restarts: {restarts}, init: RandomRows)',
    "gradient": 'Gradient(name: "gradient", objective: {objective}, restarts: {restarts}, init: RandomRows)',
    "SQUAREM": 'Em(name: "SQUAREM", objective: {objective}, acceleration: Squarem, restarts: {restarts}, '
    "init: RandomRows)",
}
COUNTED = ["EM", "SQUAREM"]  # whose sweeps are shown
CONFIG = """Experiment(
    name: "case", seed: {seed}, data: Csv(path: "{csv}"),
    model: (components: {k}, covariance: {covariance}, prior: (concentration: {concentration}, components: {prior})),
    fits: [{fits}],
)"""
PEERS = {
    "scikit-learn": [sys.executable, HERE / "shares_sklearn.py"],
    "mclust": ["Rscript", HERE / "shares_mclust.R"],
}
COVARIANCES = {
    "full": "Free(Full)",
    "diag": "Free(Diagonal)",
    "iso": "Free(Isotropic)",
    "tied": "Tied(Full)",
    "shared_diag": "Tied(Diagonal)",
    "shared_iso": "Tied(Isotropic)",
    "constant": "Known(Full)",
}
OWN = ("full", "diag", "iso")  # each component has a covariance of its own
DATA = ROOT / "reference" / "data"
FOUND = 1e-6
AGREE = 1e-9
# The others' relative gain of ln L at which they stop. gmm's is 1e-10 and bounds what is still to come as well, which
# the others do not look at: they get a hundredth of it.
TOLERANCE, MAX_ITERATIONS = 1e-12, 100_000
MIN_EIGENVALUE, MIN_ROWS = 1e-4, 1.5


@dataclass
class Case:
    """A case of `reference/`: its rows, its model and the stored optimum."""

    name: str
    n: int
    d: int
    k: int
    family: str
    best: float
    objective: str  # Likelihood or Posterior
    csv: pathlib.Path
    rows: np.ndarray = field(repr=False)
    stored: tuple = field(repr=False)  # weights (k), means (k, d), covariances (k, d, d)
    fixed: list = None
    concentration: float = 1.0
    prior: dict = None  # of the components; None: flat

    @staticmethod
    def read(values):
        csv = DATA / f"{values['dataset']}.csv"
        prior = values.get("prior")
        posterior = "ln_posterior" in values
        rows = np.loadtxt(csv, delimiter=",", skiprows=1, ndmin=2)
        return Case(
            name=values["case"],
            n=values["n"],
            d=values["d"],
            k=values["k"],
            family=values["family"],
            best=values["ln_posterior" if posterior else "ln_likelihood"],
            objective="Posterior" if posterior else "Likelihood",
            csv=csv,
            rows=rows,
            stored=tuple(np.array(values[name], float) for name in ("weights", "means", "covariances")),
            fixed=values.get("fixed_covariance"),
            concentration=float((prior or values).get("concentration", 1.0)),
            prior=prior,
        )

    def config(self, seed, restarts):
        matrix = lambda m: {0: "Isotropic", 1: "Diagonal", 2: "Full"}[np.ndim(m)] + f"({ron(m)})"
        prior = "Flat"
        if self.prior:
            fields = [f"{name}: {ron(self.prior[name])}" for name in ("mean", "kappa", "dof")]
            prior = f"Conjugate({', '.join(fields)}, scale: {matrix(self.prior['scale'])})"
        return CONFIG.format(
            seed=seed,
            csv=self.csv.as_posix(),
            k=self.k,
            covariance=f"Known({matrix(self.fixed)})" if self.fixed else COVARIANCES[self.family],
            concentration=self.concentration,
            prior=prior,
            fits=", ".join(fit.format(objective=self.objective, restarts=restarts) for fit in FITS.values()),
        )

    def can(self, peer):
        """Whether a peer can say the problem, see above."""
        if self.family == "constant":
            return False
        if self.objective == "Likelihood":
            return peer == "mclust" or self.family in (*OWN, "tied")
        if peer != "mclust" or self.prior is None or self.concentration != 1:
            return False
        one_scale = self.family != "diag" or len(set(self.prior["scale"])) == 1
        return one_scale and self.family not in ("shared_diag", "shared_iso")

    def write(self, path, restarts):
        """What the others are given: lines of a name and numbers."""
        lines = {"n": self.n, "d": self.d, "k": self.k, "family": self.family, "restarts": restarts}
        lines |= {"tolerance": TOLERANCE, "max_iterations": MAX_ITERATIONS, "size": 1 + abs(self.best)}
        lines |= {"rows": self.rows}
        if self.prior:
            scale = self.prior["scale"]
            lines |= {name: self.prior[name] for name in ("mean", "kappa", "dof")}
            lines |= {"scale": scale[0] if self.family == "diag" else scale}
        flat = lambda values: map(str, np.ravel(values).tolist())
        path.write_text("".join(" ".join([name, *flat(values)]) + "\n" for name, values in lines.items()))

    def ln_joint(self, weights, means, covariances):
        """ln w_k N(x_i; mu_k, S_k), n x k."""
        components = zip(weights, means, covariances)
        parts = [np.log(w) + multivariate_normal(m, s).logpdf(self.rows) for w, m, s in components]
        return np.stack(parts, axis=-1).reshape(self.n, self.k)

    def value(self, weights, means, covariances):
        """The objective: ln L, or ln L + ln prior with all constants."""
        ln_likelihood = logsumexp(self.ln_joint(weights, means, covariances), axis=1).sum()
        if self.objective == "Likelihood":
            return ln_likelihood
        return ln_likelihood + self.ln_prior(weights, means, covariances)

    def ln_prior(self, weights, means, covariances):
        a = self.concentration
        # Equal to the density at a = 1, where rounding of the sum of the weights would be refused.
        ln_weights = math.lgamma(self.k) if a == 1 else dirichlet.logpdf(weights / weights.sum(), [a] * self.k)
        if self.prior is None:
            return ln_weights
        m0, kappa, dof = (self.prior[name] for name in ("mean", "kappa", "dof"))
        scale = np.array(self.prior["scale"])

        def of_covariance(s):
            if self.family in ("full", "tied"):
                return invwishart.logpdf(s, dof, scale)
            variances = np.diag(s) if self.family in ("diag", "shared_diag") else s[0, 0]
            return np.sum(invgamma.logpdf(variances, dof / 2, scale=scale / 2))

        distinct = covariances if self.family in OWN else covariances[:1]
        ln_means = sum(multivariate_normal.logpdf(m, m0, s / kappa) for m, s in zip(means, covariances))
        return ln_weights + ln_means + sum(map(of_covariance, distinct))

    def collapsed(self, weights, means, covariances):
        """gmm's rule: a component too thin, or on too few rows."""
        if self.objective == "Posterior" and self.prior or self.family == "constant":
            return False
        sds = self.rows.std(axis=0)
        if np.linalg.eigvalsh(covariances / np.outer(sds, sds)).min() < MIN_EIGENVALUE:
            return True
        ln_joint = self.ln_joint(weights, means, covariances)
        rows = np.exp(ln_joint - logsumexp(ln_joint, axis=1, keepdims=True)).sum(axis=0)
        return self.family in OWN and rows.min() < self.d + MIN_ROWS


@dataclass
class Starts:
    """What the starts of one program ended with."""

    objectives: list  # of those that did not collapse
    fallen: int  # how many did, or failed
    sweeps: list = field(default_factory=list)
    unit: str = "sweeps"  # or iterations, from a gmm that does not tell its sweeps

    def found(self, best):
        return sum(abs(value - best) <= within(best) for value in self.objectives)


def within(best):
    return FOUND * (1 + abs(best))


def ron(value):
    return f"[{', '.join(map(ron, value))}]" if np.ndim(value) else repr(float(value))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cases", type=re.compile, default="", metavar="REGEX", help="those whose name has a match")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="default: all")
    parser.add_argument("--restarts", type=int, default=30, help="starts of each program (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="of gmm; the others have seeds 0, 1, .. (default: 1)")
    parser.add_argument("--gmm", metavar="PROGRAM", help="one that is built already (default: cargo builds it)")
    args = parser.parse_args()
    args.cases = re.compile(args.cases)
    return args


def read_cases(pattern):
    files = ("maximum_likelihood", "map", "map_flat_components")
    values = [case for name in files for case in json.loads((DATA / f"{name}.json").read_text())]
    return [Case.read(case) for case in values if pattern.search(case["case"])]


def run_gmm(program, case, args, folder):
    """By fit: its starts, and the estimate with its objective (None where all starts collapsed)."""
    config = folder / "case.ron"
    config.write_text(case.config(args.seed, args.restarts))
    command = [program, "run", config, "--out", folder, "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # 1: a fit failed, which leaves it out of the summary; 2: nothing was run.
    if done.returncode not in (0, 1):
        raise Skipped(f"{case.name}: {done.stderr.strip()}")
    summary = json.loads((folder / "case" / "summary.json").read_text())
    fits = {fit["name"]: fit for fit in summary["fits"]}
    lost = [name for name in FITS if name not in fits]
    if lost and not all("restarts collapsed" in failure["reason"] for failure in summary["failures"]):
        raise Skipped(f"{case.name}: {done.stderr.strip()}")
    results = {name: (Starts([], args.restarts), None) for name in lost}
    for name, fit in fits.items():
        ended = [r for r in fit["restarts"] if r["outcome"] not in ("collapsed", "decreased")]
        unit = "sweeps" if all("sweeps" in r for r in ended) else "iterations"
        objectives, counts = ([r[what] for r in ended] for what in ("objective", unit))
        starts = Starts(objectives, len(fit["restarts"]) - len(ended), counts, unit)
        estimate = tuple(np.array(fit["mixture"][part]) for part in ("weights", "means", "covariances"))
        results[name] = starts, (estimate, fit["ln_" + case.objective.lower()])
    return results


def read_peer(output, case):
    """The starts of a peer, judged by the code and the rule above."""
    k, d = case.k, case.d
    starts = Starts([], 0)
    for line in np.fromfile(output, "<f8").reshape(-1, 1 + k * (1 + d + d * d)):
        weights, means, covariances = np.split(line[1:], np.cumsum([k, k * d]))
        mixture = weights, means.reshape(k, d), covariances.reshape(k, d, d)
        try:
            if np.isfinite(line).all() and not case.collapsed(*mixture):
                starts.objectives.append(case.value(*mixture))
                continue
        except (ValueError, np.linalg.LinAlgError):
            pass  # a covariance that cannot be factorised
        starts.fallen += 1
    return starts


def main():
    args = arguments()
    cases = read_cases(args.cases)
    skipped, workers, results, wrong = [], {}, [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        problem, outputs = folder / "problem.txt", {peer: folder / f"{peer}.f64" for peer in args.peers}
        try:
            program = pathlib.Path(args.gmm).resolve() if args.gmm else cargo("-p", "experiments", "--bin", "gmm")
        except Skipped as reason:
            sys.exit(f"gmm: {reason}")
        for peer in args.peers:
            try:
                workers[peer] = Worker([*PEERS[peer], problem, outputs[peer]], None)
            except Skipped as reason:
                skipped.append(f"{peer}: {reason}")
        programs = [*FITS, *workers]
        for index, case in enumerate(cases):
            print(f"{index + 1} of {len(cases)}: {case.name} ...", file=sys.stderr, flush=True)
            case.write(problem, args.restarts)
            asked = [peer for peer in workers if case.can(peer)]
            for peer in asked:
                workers[peer].say("go")
            try:
                fits = run_gmm(program, case, args, folder)
            except Skipped as reason:
                sys.exit(f"gmm: {reason}")
            starts = {name: fit for name, (fit, _) in fits.items()}
            known = {"stored": (case.stored, case.best)} | {name: best for name, (_, best) in fits.items() if best}
            for name, (mixture, objective) in known.items():
                difference = abs(case.value(*mixture) - objective)
                if not difference <= AGREE * (1 + abs(objective)):
                    wrong.append(f"{case.name}, {name}: {objective!r} differs by {difference:.1e}")
            for peer in asked:
                try:
                    workers[peer].line()
                    starts[peer] = read_peer(outputs[peer], case)
                except Skipped as reason:
                    skipped.append(f"{peer} at {case.name} and after: {reason}")
                    del workers[peer]
            results.append((case, starts))
        versions = [worker.name for worker in workers.values()]
        for worker in workers.values():
            worker.close()
    report(results, versions, args.restarts, programs)
    for title, lines in (("Skipped", skipped), ("OBJECTIVES THAT DISAGREE", wrong)):
        if lines:
            print(f"\n{title}:\n" + "\n".join(f"- {line}" for line in lines))
    if wrong:
        sys.exit(1)


def report(results, versions, restarts, programs):
    rows, higher, shares = [], [], []
    for case, starts in results:
        reached = {name: max(s.objectives, default=-math.inf) for name, s in starts.items()}
        best = max([case.best, *reached.values()])
        if beaten := best - case.best > within(case.best):
            who = [name for name, value in reached.items() if abs(value - best) <= within(best)]
            higher.append(f"{case.name}: {best:.9f} by {', '.join(who)}; stored is {case.best:.9f}")
        else:
            best = case.best
        found = {name: s.found(best) for name, s in starts.items()}
        shares.append((case, {name: count / restarts for name, count in found.items()}))
        median = lambda name: f"{statistics.median(starts[name].sweeps):.0f}" if starts[name].sweeps else "-"
        rows.append([
            case.name,
            f"{case.n}, {case.d}, {case.k}",
            COVARIANCES[case.family],
            f"{best:.6f}" + (" !" if beaten else ""),
            *(found.get(name, "-") for name in programs),
            *(median(name) for name in COUNTED if name in starts),
        ])
    beside = f" beside {', '.join(versions)}" if versions else ""
    print(f"gmm{beside}. Of {restarts} random starts, how many found the best optimum:\n")
    unit = "sweeps" if all(s.unit == "sweeps" for _, starts in results for s in starts.values()) else "iterations"
    counted = [f"{unit} {name}" for name in COUNTED if name in FITS]
    print(table(["case", "n, d, K", "covariance", "best", *programs, *counted], rows))
    print(f"\n{unit}: the median of the starts that did not collapse.")
    if higher:
        print("\n! HIGHER THAN THE STORED OPTIMUM, and not collapsed by gmm's rule:\n")
        print("\n".join(f"- {line}" for line in higher))
    print("\nCases whose best optimum at least one start found, and the mean share of the starts that did:\n")
    groups = {"all cases": lambda case: True, "K > 1": lambda case: case.k > 1}
    for peer in PEERS:
        if peer in programs:
            groups[f"K > 1, said by {peer}"] = lambda case, peer=peer: case.k > 1 and case.can(peer)
    lines = []
    for group, chosen in groups.items():
        line = [group]
        for name in programs:
            values = [share[name] for case, share in shares if chosen(case) and name in share]
            some = sum(value > 0 for value in values)
            line.append(f"{some} of {len(values)}, {statistics.mean(values):.3f}" if values else "-")
        lines.append(line)
    fallen = [sum(starts[name].fallen for _, starts in results if name in starts) for name in programs]
    print(table(["", *programs], [*lines, ["starts collapsed or failed", *fallen]]))


if __name__ == "__main__":
    main()
