"""Cells, their data, the programs that are timed, and tables."""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# One thread each, whatever a library would like. A processor of its own (see `pinned`) says it once more.
ONE_THREAD = {
    "JAX_PLATFORMS": "cpu",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


class Skipped(Exception):
    """Why a peer does not take part, in words."""


@dataclass(frozen=True)
class Cell:
    """One problem: n rows in d dimensions, k components, covariances of a shape, each component its own."""

    n: int
    d: int
    k: int
    shape: str

    def __str__(self):
        return f"{self.n},{self.d},{self.k},{self.shape}"

    @staticmethod
    def parse(text):
        n, d, k, *shape = text.split(",")
        shape = shape[0] if shape else "full"
        if shape not in ("full", "diagonal", "isotropic"):
            raise ValueError(f"no shape is called {shape}")
        return Cell(int(float(n)), int(d), int(k), shape)

    def write(self, folder):
        """Writes `rows.f64` and `start.f64`, as `gmm-em/examples/peer.rs` documents them. The same for everyone.

        The rows come from K normals that overlap, with covariances of condition numbers up to about 100. The start has
        random rows for means, equal weights, and the variances of all rows (`isotropic`: their mean).
        """
        folder = pathlib.Path(folder)
        rng = np.random.default_rng([self.n, self.d, self.k])
        centres = rng.normal(scale=1.5, size=(self.k, self.d))
        factors = rng.normal(size=(self.k, self.d, self.d)) / np.sqrt(2 * self.d) + 0.5 * np.eye(self.d)
        labels = rng.integers(0, self.k, self.n)
        rows = rng.normal(size=(self.n, self.d))
        for k in range(self.k):
            rows[labels == k] = rows[labels == k] @ factors[k].T + centres[k]
        variances = rows.var(axis=0)
        if self.shape == "isotropic":
            variances[:] = variances.mean()
        means = rows[rng.choice(self.n, self.k, replace=False)]
        start = np.concatenate([np.full(self.k, 1 / self.k), means.ravel(), variances])
        rows.astype("<f8").tofile(folder / "rows.f64")
        start.astype("<f8").tofile(folder / "start.f64")


def read_cell(arguments):
    """For a peer in Python: its cell, number of iterations, rows (n, d), weights, means (k, d) and variances (d)."""
    folder, n, d, k, shape, iterations = arguments
    cell = Cell(int(n), int(d), int(k), shape)
    rows = np.fromfile(f"{folder}/rows.f64").reshape(cell.n, cell.d)
    start = np.fromfile(f"{folder}/start.f64")
    weights, means, variances = np.split(start, [cell.k, cell.k * (cell.d + 1)])
    return cell, int(iterations), rows, weights, means.reshape(cell.k, cell.d), variances


def serve(name, run):
    """For a peer in Python: answers each number of repeats on the standard input, see `gmm-em/examples/peer.rs`.

    `run()` returns the seconds of an iteration and the log-likelihoods by iteration.
    """
    print("ready", name, flush=True)
    while line := input_line():
        results = [run() for _ in range(int(line))]
        values = [f"{t}={float(value)!r}" for t, value in results[-1][1].items()]
        print(float(np.mean([seconds for seconds, _ in results])), *values, flush=True)


def serve_draws(name, output, run):
    """For a sampler in Python: runs with each seed on the standard input, writes the draws and answers the seconds.

    `run(seed)` returns the seconds of warm-up and of drawing, and weights (chains, draws, k), means (.., k, d) and
    covariances (.., k, d, d); they are written to the file `output` one after the other.
    """
    print("ready", name, flush=True)
    while line := input_line():
        warm, drawing, draws = run(int(line))
        np.concatenate([np.asarray(part, "<f8").ravel() for part in draws]).tofile(output)
        print(warm, drawing, flush=True)


def input_line():
    try:
        return input()
    except EOFError:
        return ""


class Worker:
    """A running peer that has read its data; `go` makes it work, and it waits otherwise."""

    def __init__(self, command, cpu):
        self.errors = tempfile.TemporaryFile(mode="w+")
        try:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env=os.environ | ONE_THREAD,
                preexec_fn=pinned(cpu),
            )
        except OSError as error:
            raise Skipped(str(error)) from error
        self.name = self.line().removeprefix("ready ")

    def line(self):
        line = self.process.stdout.readline().strip()
        if not line:
            self.close()
            self.errors.seek(0)
            said = [line.strip() for line in self.errors if line.strip()]
            raise Skipped(said[-1][:200] if said else "ended without a word")
        return line

    def say(self, word):
        try:
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # `line` says why

    def go(self, repeats):
        """Seconds of an iteration, the mean of so many repeats, and log-likelihoods by iteration."""
        self.say(repeats)
        seconds, *values = self.line().split()
        pairs = (value.split("=") for value in values)
        return float(seconds), {int(t): float(value) for t, value in pairs}

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def pinned(cpu):
    """What ties a child to one processor; None where that is not wanted or cannot be."""
    if cpu is None or not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, {cpu})


def last_cpu():
    """The processor that children are tied to unless the user names another."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def cargo(*arguments):
    """Builds with optimisation and returns the path of the program."""
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", *arguments]
    try:
        built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise Skipped(str(error)) from error
    programs = [json.loads(line).get("executable") for line in built.stdout.splitlines()]
    programs = [program for program in programs if program]
    if built.returncode != 0 or not programs:
        said = [line for line in built.stderr.splitlines() if line.strip()]
        raise Skipped(f"cargo build: {said[-1] if said else 'no program'}")
    return programs[-1]


def with_spread(values, digits=1):
    """Median (smallest .. largest)."""
    values = [float(value) for value in values]
    show = lambda x: f"{x:.{digits}f}"
    return f"{show(statistics.median(values))} ({show(min(values))} .. {show(max(values))})"


def duration(seconds):
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def table(header, rows):
    """A markdown table: the first column left, the others right."""
    rows = [header, *rows]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(header))]
    align = lambda i, cell: str(cell).ljust(widths[i]) if i == 0 else str(cell).rjust(widths[i])
    lines = ["| " + " | ".join(align(i, cell) for i, cell in enumerate(row)) + " |" for row in rows]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])
