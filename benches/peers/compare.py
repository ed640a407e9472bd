#!/usr/bin/env python3
"""Times EM of gmm and of other programs on the same rows from the same start, one thread each.

Every peer is a process that reads the rows once and then works when it is told to: one after the other, in rounds
(A B C A B C ...), so that whatever else the machine does hits all of them. A round is a number of fits of a few
iterations; the first round is not counted, but decides how many fits fill a round. Prints the median seconds of an
iteration, and ratios to gmm round by round: median (smallest .. largest). Exits with 1 if the log-likelihoods of gmm
and scikit-learn differ in any iteration by more than 1e-10 of their size.
"""

import argparse
import math
import statistics
import sys
import tempfile

import common
from common import HERE, Cell, Skipped, Worker, cargo, duration, table, with_spread

CELLS = """100000,2,8 100000,10,8 1000000,10,16 200000,32,16 50000,64,8
100000,10,8,diagonal 200000,32,16,diagonal 100000,10,8,isotropic 200000,32,16,isotropic"""
QUICK = "3100,2,3 3100,10,3 3100,10,3,diagonal 3100,10,3,isotropic"

# What starts each peer; a function because some must be built first.
PEERS = {
    "gmm": lambda: [cargo("-p", "gmm-em", "--example", "peer")],
    "scikit-learn": lambda: [sys.executable, HERE / "em_sklearn.py"],
    "jax": lambda: [sys.executable, HERE / "em_jax.py"],
    "onedal": lambda: [sys.executable, HERE / "em_onedal.py"],
    "mclust": lambda: ["Rscript", HERE / "em_mclust.R"],
    "linfa": lambda: [cargo("--manifest-path", HERE / "linfa" / "Cargo.toml")],
}
ALLOWED = 1e-10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cells", nargs="+", metavar="n,d,K[,shape]", help="problems (default: nine)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="default: all")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--iterations", type=int, default=4, help="of a fit (default: 4)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a peer in a round, if it can (default: 1)")
    parser.add_argument("--cpu", type=int, default=common.last_cpu(), help="processor to run on (default: the last)")
    parser.add_argument("--no-pin", dest="cpu", action="store_const", const=None, help="leave that to the system")
    parser.add_argument("--quick", action="store_true", help="tiny problems, short rounds: only to see it work")
    args = parser.parse_args()
    if args.quick:
        args.seconds = min(args.seconds, 0.05)
    names = args.cells or (QUICK if args.quick else CELLS).split()
    try:
        args.cells = [Cell.parse(name) for name in names]
    except ValueError as error:
        parser.error(f"--cells: {error}")
    args.peers = list(dict.fromkeys(["gmm", *args.peers]))
    return args


def measure(cell, commands, args, skipped):
    """By peer: its name and version, the seconds of an iteration in each round, log-likelihoods by iteration."""
    workers, results = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        cell.write(folder)
        options = [folder, cell.n, cell.d, cell.k, cell.shape, args.iterations]
        for peer, command in commands.items():
            try:
                workers[peer] = Worker([*command, *options], args.cpu)
            except Skipped as reason:
                skipped.append(f"{peer} at {cell}: {reason}")
        repeats = {}
        for round in range(1 + args.rounds):
            for peer, worker in list(workers.items()):
                try:
                    seconds, trace = worker.go(repeats.get(peer, 1))
                except Skipped as reason:
                    skipped.append(f"{peer} at {cell}: {reason}")
                    del workers[peer]
                    results.pop(peer, None)
                    continue
                if round == 0:
                    fit = max(seconds, 1e-9) * args.iterations
                    repeats[peer] = max(1, min(10_000, round_to_int(args.seconds / fit)))
                    results[peer] = (worker.name, [], trace)
                else:
                    results[peer][1].append(seconds)
        for worker in workers.values():
            worker.close()
    return results


def round_to_int(x):
    return int(math.floor(x + 0.5))


def difference(trace, ours):
    """The largest relative difference of two traces where both have a value; None where they never do."""
    both = [(value, ours[t]) for t, value in trace.items() if t in ours]
    return max((abs(a - b) / abs(b) for a, b in both), default=None)


def main():
    args = arguments()
    commands, skipped = {}, []
    for peer in args.peers:
        try:
            commands[peer] = PEERS[peer]()
        except Skipped as reason:
            skipped.append(f"{peer}: {reason}")
    if "gmm" not in commands:
        sys.exit("\n".join(skipped))
    seconds_rows, ratio_rows, trace_rows, versions = [], [], [], {}
    disagree = False
    for cell in args.cells:
        print(f"{cell} ...", file=sys.stderr, flush=True)
        results = measure(cell, commands, args, skipped)
        if "gmm" not in results:
            sys.exit("\n".join(skipped))
        _, own, trace = results["gmm"]
        versions |= {peer: name for peer, (name, _, _) in results.items()}
        others = {peer: result for peer, result in results.items() if peer != "gmm"}
        show = lambda peer, what: what(*others[peer][1:]) if peer in others else ""
        columns = [peer for peer in args.peers if peer != "gmm"]
        median = lambda seconds, _: duration(statistics.median(seconds))
        ratio = lambda seconds, _: with_spread([a / b for a, b in zip(seconds, own)])
        seconds_rows.append([cell, median(own, None), *(show(peer, median) for peer in columns)])
        ratio_rows.append([cell, *(show(peer, ratio) for peer in columns)])
        differences = {peer: difference(other, trace) for peer, (_, _, other) in others.items()}
        trace_rows.append([cell, *(f"{differences[p]:.0e}" if differences.get(p) is not None else "" for p in columns)])
        worst = differences.get("scikit-learn")
        disagree |= worst is not None and not worst <= ALLOWED
    print("Versions: " + "; ".join(versions.values()) + ".\n")
    print(f"Seconds per EM iteration, one thread, medians of {args.rounds} interleaved rounds:\n")
    print(table(["n,d,K,shape", "gmm", *columns], seconds_rows))
    print("\nTimes those of gmm, round by round: median (smallest .. largest):\n")
    print(table(["n,d,K,shape", *columns], ratio_rows))
    print("\nLog-likelihoods, the largest relative difference from gmm's over the iterations that a peer reports:\n")
    print(table(["n,d,K,shape", *columns], trace_rows))
    if skipped:
        print("\nSkipped:\n" + "\n".join(f"- {reason}" for reason in skipped))
    if disagree:
        sys.exit(f"\ngmm and scikit-learn differ by more than {ALLOWED:g} of the log-likelihood")


if __name__ == "__main__":
    main()
