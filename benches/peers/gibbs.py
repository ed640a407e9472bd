#!/usr/bin/env python3
"""Effective draws per second of gmm's Gibbs samplers, blocked (`gmm`) and collapsed, of JAGS and of NumPyro's NUTS on
Old Faithful, K = 2, one thread.

The same model and prior (gmm's default, read from its summary), 4 chains each; JAGS and NUTS start at gmm's estimate.
In interleaved rounds. The bulk effective sample sizes are computed by the same code for all: of the log-likelihood,
and of the means, components sorted by their first coordinate. Times are those of sampling, warm-up and draws, for all
three: compiling, reading data, and what comes after the last draw are not counted. gmm's are those of the phase
`sampling` in its manifest, which relabels and stores each draw; the whole fit, with EM for a start, summaries and
diagnostics, is listed beside it.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import common
from common import HERE, ROOT, Skipped, Worker, cargo, table, with_spread
from ess import bulk_ess

FAITHFUL = ROOT / "experiments" / "data" / "faithful.csv"
COLUMNS = ["eruptions", "waiting"]
CHAINS, COMPONENTS, DIMENSION = 4, 2, 2
CONFIG = """Experiment(
    name: "faithful", seed: {seed}, data: Csv(path: "{csv}", columns: ["eruptions", "waiting"]),
    model: (components: 2, covariance: Free(Full)),
    fits: [Gibbs(name: "warm-up", kind: {kind}, chains: 4, warmup: {warmup}, draws: 4, evidence: [], accuracy: false),
           Gibbs(name: "all", kind: {kind}, chains: 4, warmup: {warmup}, draws: {draws}, evidence: [], accuracy: false)],
)"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", nargs="+", choices=["jags", "nuts"], default=["jags", "nuts"], help="default: both")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--draws", type=int, default=20_000, help="of each of gmm's chains (default: 20000)")
    parser.add_argument("--peer-draws", type=int, default=2_000, help="of each of the others' (default: 2000)")
    parser.add_argument("--warmup", type=int, default=500, help="default: 500")
    parser.add_argument("--cpu", type=int, default=common.last_cpu(), help="processor to run on (default: the last)")
    parser.add_argument("--no-pin", dest="cpu", action="store_const", const=None, help="leave that to the system")
    parser.add_argument("--quick", action="store_true", help="few draws: only to see it work")
    args = parser.parse_args()
    if args.quick:
        args.draws, args.peer_draws, args.warmup = 2000, 200, 100
    return args


class Gmm:
    """gmm by its command line: a run for each round."""

    def __init__(self, args, folder, kind):
        self.args, self.folder, self.kind = args, pathlib.Path(folder), kind
        self.program = cargo("-p", "experiments", "--bin", "gmm")
        self.name = f"gmm, {kind.lower()}"
        self.whole = []

    def go(self, seed):
        config = self.folder / "faithful.ron"
        config.write_text(CONFIG.format(seed=seed, kind=self.kind, csv=FAITHFUL, warmup=self.args.warmup, draws=self.args.draws))
        command = [self.program, "run", config, "--out", self.folder, "--threads", "1", "--quiet"]
        preexec = common.pinned(self.args.cpu)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=preexec)
        if done.returncode != 0:
            raise Skipped(done.stderr.strip().splitlines()[-1])
        results = self.folder / "faithful"
        summary = json.loads((results / "summary.json").read_text())
        manifest = json.loads((results / "manifest.json").read_text())
        self.fit = summary["fits"][1]
        short, full = (fit["phases"]["sampling"] for fit in manifest["fits"])
        self.whole.append(self.fit["seconds"])
        read = lambda name, *shape: np.stack([
            np.fromfile(results / f"draws-all.zarr/posterior/{name}/c.{chain}.{'.'.join('0' for _ in shape)}.0")
            for chain in range(CHAINS)
        ]).reshape(CHAINS, self.args.draws, *shape)
        k, d = COMPONENTS, DIMENSION
        draws = read("weights", k), read("means", k, d), read("covariances", k, d, d)
        return short, full - short, draws

    def close(self):
        pass


class Peer(Worker):
    """A running program that writes its draws to a file whenever it is told a seed."""

    def __init__(self, command, args, folder, name):
        self.output, self.draws, self.precisions = folder / f"{name}.f64", args.peer_draws, name == "jags"
        super().__init__([*command, self.output], args.cpu)

    def go(self, seed):
        self.say(seed)
        warm, drawing = map(float, self.line().split())
        k, d = COMPONENTS, DIMENSION
        numbers = np.fromfile(self.output).reshape(-1)
        parts = np.split(numbers, np.cumsum([CHAINS * self.draws * size for size in (k, k * d)]))
        shapes = [(k,), (k, d), (k, d, d)]
        weights, means, covariances = (p.reshape(CHAINS, self.draws, *s) for p, s in zip(parts, shapes))
        return warm, drawing, (weights, means, np.linalg.inv(covariances) if self.precisions else covariances)


def problem_files(gmm, args, rows, folder):
    """What the others are given: gmm's prior and estimate, as JSON and as lines of numbers."""
    fit = gmm.fit
    prior = fit["model"]["prior"]
    prior = prior["components"] | {"concentration": prior["concentration"]}
    start = fit["mixture"]
    sizes = {"chains": CHAINS, "warmup": args.warmup, "draws": args.peer_draws}
    problem = sizes | {"rows": rows.tolist(), "prior": prior, "start": start}
    (folder / "problem.json").write_text(json.dumps(problem))
    flat = sizes | {"n": len(rows), "d": DIMENSION, "k": COMPONENTS, "rows": rows} | prior | start
    # The mean of the prior and the means of the start have different names; a covariance is symmetric.
    lines = [" ".join([name, *map(repr, np.ravel(numbers).tolist())]) for name, numbers in flat.items()]
    (folder / "problem.txt").write_text("\n".join(lines) + "\n")


def ln_likelihood(rows, weights, means, covariances):
    """The log-likelihood of every draw, draws by the thousand."""
    flat = lambda a, size: a.reshape(-1, *a.shape[2:])[size]
    values = []
    for first in range(0, weights.shape[0] * weights.shape[1], 1000):
        part = slice(first, first + 1000)
        w, m, s = (flat(a, part) for a in (weights, means, covariances))
        z = rows[None, None] - m[:, :, None]
        quadratic = np.einsum("bkni,bkij,bknj->bkn", z, np.linalg.inv(s), z, optimize=True)
        ln_det = np.linalg.slogdet(s)[1]
        joint = np.log(w)[..., None] - 0.5 * (quadratic + ln_det[..., None] + rows.shape[1] * np.log(2 * np.pi))
        values.append(np.logaddexp.reduce(joint, axis=1).sum(axis=1))
    return np.concatenate(values).reshape(weights.shape[:2])


def effective(rows, draws):
    """Bulk effective sample sizes: of the log-likelihood, and the smallest of the means."""
    weights, means, covariances = draws
    order = np.argsort(means[..., 0], axis=-1)
    ordered = np.take_along_axis(means, order[..., None], axis=2)
    of_means = [bulk_ess(ordered[:, :, k, j]) for k in range(COMPONENTS) for j in range(DIMENSION)]
    return {"ln L": bulk_ess(ln_likelihood(rows, *draws)), "means": min(of_means)}, ordered.mean(axis=(0, 1))


def main():
    args = arguments()
    rows = np.genfromtxt(FAITHFUL, delimiter=",", names=True)
    rows = np.stack([rows[name] for name in COLUMNS], axis=1)
    skipped = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            samplers = {"gmm": Gmm(args, folder, "Blocked"), "collapsed": Gmm(args, folder, "Collapsed")}
            gmm_ess, _ = effective(rows, samplers["gmm"].go(0)[2])
        except Skipped as reason:
            sys.exit(f"gmm: {reason}")
        stored = {q["name"]: q["ess_bulk"] for q in samplers["gmm"].fit["posterior"]["quantities"]}
        problem_files(samplers["gmm"], args, rows, folder)
        commands = {
            "jags": ["Rscript", HERE / "ess_jags.R", folder / "problem.txt"],
            "nuts": [sys.executable, HERE / "ess_nuts.py", folder / "problem.json"],
        }
        for peer in args.peers:
            try:
                samplers[peer] = Peer(commands[peer], args, folder, peer)
            except Skipped as reason:
                skipped.append(f"{peer}: {reason}")
        results = {name: [] for name in samplers}
        centres = {}
        for seed in range(1, 1 + args.rounds):
            for name, sampler in list(samplers.items()):
                print(f"round {seed}: {name} ...", file=sys.stderr, flush=True)
                try:
                    warm, drawing, draws = sampler.go(seed)
                except Skipped as reason:
                    skipped.append(f"{name}: {reason}")
                    del samplers[name], results[name]
                    continue
                ess, centres[name] = effective(rows, draws)
                results[name].append((warm, drawing, ess))
        for sampler in samplers.values():
            sampler.close()
    report(results, samplers, centres, args)
    print(f"\nThe code for effective sample sizes agrees with gmm's own: ln L {gmm_ess['ln L']:.1f} and "
          f"{stored['ln_likelihood']:.1f}.")
    if skipped:
        print("\nSkipped:\n" + "\n".join(f"- {reason}" for reason in skipped))


def report(results, samplers, centres, args):
    per_second = {}
    lines = []
    for name, rounds in results.items():
        draws = args.draws if isinstance(samplers[name], Gmm) else args.peer_draws
        middle = lambda f: statistics.median(map(f, rounds))
        warm, drawing = middle(lambda r: r[0]), middle(lambda r: r[1])
        line = [samplers[name].name, f"{CHAINS} x {draws}", f"{warm:.3f}", f"{drawing:.3f}"]
        for what in ("ln L", "means"):
            per_second[name, what, "with"] = [r[2][what] / (r[0] + r[1]) for r in rounds]
            per_second[name, what, "without"] = [r[2][what] / r[1] for r in rounds]
            line.append(f"{middle(lambda r: r[2][what]):.0f}")
        line.append(" ".join(f"{x:.3f}" for x in centres[name].ravel()))
        lines.append(line)
    header = ["sampler", "draws", "warm-up, s", "draws, s", "ESS ln L", "ESS means", "posterior means, sorted"]
    print(table(header, lines))
    print("\nEffective draws per second: median (smallest .. largest) of the rounds. `means`: the worst of the four.\n")
    kinds = [(what, warm) for what in ("ln L", "means") for warm in ("with", "without")]
    header = ["", *(f"{what}, {warm} warm-up" for what, warm in kinds)]
    print(table(header, [[name, *(with_spread(per_second[name, *kind], 0) for kind in kinds)] for name in results]))
    ours = [name for name in results if isinstance(samplers[name], Gmm)]
    wholes = " and ".join(f"{statistics.median(samplers[name].whole):.3f} s ({samplers[name].name})" for name in ours)
    print(f"\nA whole fit, with starts, summaries and diagnostics: {wholes}, medians.")
    print("\ngmm's over the others', round by round:\n")
    over = lambda a, b, kind: [x / y for x, y in zip(per_second[a, *kind], per_second[b, *kind])]
    pairs = [(a, b) for a in ours for b in results if b not in ours]
    print(table(header, [[f"{a} / {b}", *(with_spread(over(a, b, kind)) for kind in kinds)] for a, b in pairs]))


if __name__ == "__main__":
    main()
