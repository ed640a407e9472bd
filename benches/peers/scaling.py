#!/usr/bin/env python3
"""How the time of gmm's iterations grows, by `gmm bench`: Gibbs against EM, two threads against one, with n and K.

Every figure is taken once in each of several rounds, and shown as median (smallest .. largest) of the rounds. Slopes
are those of log seconds on log n or log K by least squares: 1 is linear.
"""

import argparse
import json
import subprocess
import sys

import numpy as np

from common import Cell, Skipped, cargo, table, with_spread

CELLS = """100000,2,8 100000,10,8 1000000,10,16 200000,32,16 50000,64,8
100000,10,8,diagonal 200000,32,16,diagonal 100000,10,8,isotropic 200000,32,16,isotropic"""
ROWS = [100_000, 300_000, 1_000_000, 3_000_000, 10_000_000]
COMPONENTS = [2, 4, 8, 16, 32]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parts = ["cells", "rows", "components"]
    parser.add_argument("--only", dest="what", nargs="+", choices=parts, default=parts, help="default: all three")
    parser.add_argument("--cells", nargs="+", metavar="n,d,K[,shape]", default=CELLS.split(), help="default: nine")
    parser.add_argument("--threads", type=int, default=2, help="the most threads of `cells` (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement, if it can (default: 1)")
    parser.add_argument("--quick", action="store_true", help="tiny problems: only to see it work")
    args = parser.parse_args()
    args.rows, args.components = ROWS, COMPONENTS
    if args.quick:
        args.cells, args.seconds = ["20000,2,3", "20000,3,2,diagonal"], 0
        args.rows, args.components = [10_000, 40_000], [2, 4]
    try:
        args.cells = [Cell.parse(cell) for cell in args.cells]
    except ValueError as error:
        parser.error(f"--cells: {error}")
    return args


def measure(program, cell, threads, seconds):
    """By number of threads: the seconds of an EM iteration and of a Gibbs draw."""
    options = {"rows": cell.n, "dim": cell.d, "components": cell.k, "shape": cell.shape}
    options |= {"threads": threads, "seconds": seconds}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [program, "bench", "--json", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"gmm bench at {cell}: {done.stderr.strip()}")
    rows = json.loads(done.stdout)["results"]
    return {row["threads"]: (row["em"]["seconds"], row["gibbs"]["seconds"]) for row in rows}


def rounds(program, cells, threads, args):
    """What `measure` gives for each cell in each round, cell after cell in every round."""
    results = {cell: [] for cell in cells}
    for round in range(args.rounds):
        for cell in cells:
            print(f"round {round + 1}: {cell} ...", file=sys.stderr, flush=True)
            results[cell].append(measure(program, cell, threads, args.seconds))
    return results


def by_cell(program, args):
    lines = []
    for cell, results in rounds(program, args.cells, args.threads, args).items():
        one = [result[1] for result in results]
        most = [result[args.threads] for result in results]
        line = [cell, with_spread([1e9 * em / cell.n / cell.k for em, _ in one], 3)]
        line.append(with_spread([gibbs / em for em, gibbs in one], 2))
        for method in (0, 1):
            line.append(with_spread([a[method] / b[method] for a, b in zip(one, most)], 2))
        lines.append(line)
    print("\nOne thread, and how many times faster more are:\n")
    many = f"{args.threads} threads"
    print(table(["n,d,K,shape", "EM, ns per row and component", "Gibbs / EM", f"EM, {many}", f"Gibbs, {many}"], lines))


def slopes(program, args, series):
    """The slopes of the cells of each series, against the number that is given with each cell."""
    lines = []
    results = rounds(program, [cell for cells in series.values() for cell in cells], 1, args)
    for name, cells in series.items():
        line = [name]
        for method in (0, 1):
            each = []
            for round in range(args.rounds):
                seconds = [results[cell][round][1][method] for cell in cells]
                each.append(np.polyfit(np.log(list(cells.values())), np.log(seconds), 1)[0])
            line.append(with_spread(each, 3))
        lines.append(line)
    print(table(["one thread", "EM", "Gibbs"], lines))


def main():
    args = arguments()
    try:
        program = cargo("-p", "experiments", "--bin", "gmm")
    except Skipped as reason:
        sys.exit(str(reason))
    if "cells" in args.what:
        by_cell(program, args)
    if "rows" in args.what:
        print(f"\nSlope from {args.rows[0]} to {args.rows[-1]} rows, K = 8, full:\n")
        slopes(program, args, {f"d = {d}": {Cell(n, d, 8, "full"): n for n in args.rows} for d in (2, 10)})
    if "components" in args.what:
        print(f"\nSlope from {args.components[0]} to {args.components[-1]} components, 100000 rows, full:\n")
        slopes(program, args, {f"d = {d}": {Cell(100_000, d, k, "full"): k for k in args.components} for d in (2, 10)})


if __name__ == "__main__":
    main()
