"""Train a classifier as a job, watch it, and check what it learned.

Run with the server's URL in ``--server`` or ``MLQ_URL``.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import sys
from pathlib import Path
from typing import TypedDict

import mlq

DATA = Path(__file__).with_name("iris.csv")
GOOD_ENOUGH = 0.9

Row = list[float]  # measurements, then 1.0 for virginica and 0.0 for versicolor


class Model(TypedDict):
    """What the job returns: a weight per measurement, the bias, and where it was computed."""

    weights: list[float]
    bias: float
    pid: int
    host: str


def train(rows: list[Row], epochs: int = 400, rate: float = 0.1) -> Model:
    """Logistic regression by gradient descent. This runs in the job."""
    import math

    size = len(rows[0]) - 1
    weights, bias = [0.0] * size, 0.0
    for epoch in range(1, epochs + 1):
        loss, slope, bias_slope = 0.0, [0.0] * size, 0.0
        for row in rows:
            score = bias + sum(w * x for w, x in zip(weights, row))
            guess = 1 / (1 + math.exp(-score))
            truth = row[-1]
            loss -= math.log(guess if truth else 1 - guess)
            error = guess - truth
            bias_slope += error
            for i in range(size):
                slope[i] += error * row[i]
        weights = [w - rate * s / len(rows) for w, s in zip(weights, slope)]
        bias -= rate * bias_slope / len(rows)
        if epoch % 50 == 0:
            print(f"epoch {epoch:3}  loss {loss / len(rows):.4f}", flush=True)
    return {"weights": weights, "bias": bias, "pid": os.getpid(), "host": socket.gethostname()}


def read(path: Path) -> list[Row]:
    """The table's rows; the species becomes 1.0 or 0.0."""
    with path.open(newline="") as file:
        table = list(csv.reader(file))[1:]
    return [[*map(float, line[:-1]), float(line[-1] == "virginica")] for line in table]


def standardise(rows: list[Row], like: list[Row]) -> list[Row]:
    """Each measurement moved and scaled so that in ``like`` its mean is 0, its deviation 1."""
    columns = list(zip(*like))[:-1]
    means = [sum(column) / len(column) for column in columns]
    spreads = [
        (sum((x - mean) ** 2 for x in column) / len(column)) ** 0.5
        for column, mean in zip(columns, means)
    ]
    return [[*((x - m) / d for x, m, d in zip(row, means, spreads)), row[-1]] for row in rows]


def accuracy(model: Model, rows: list[Row]) -> float:
    """The share of rows that the model gets right."""
    right = 0
    for row in rows:
        score = model["bias"] + sum(w * x for w, x in zip(model["weights"], row))
        right += (score > 0) == (row[-1] == 1.0)
    return right / len(rows)


def main() -> int:
    """Submit, watch, check. 0 only if the model is good and another process made it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="the server's URL (default: MLQ_URL)")
    options = parser.parse_args()

    rows = read(DATA)
    learn = [row for i, row in enumerate(rows) if i % 4]
    held_out = standardise(rows[::4], like=learn)
    seen = standardise(learn, like=learn)

    client = mlq.Client(options.server)
    job = client.submit(train, seen, name="quickstart")
    print(f"job {job.id} is queued on {client.url}: {len(seen)} flowers to learn from", flush=True)
    model = job.result()

    share = accuracy(model, held_out)
    elsewhere = (model["host"], model["pid"]) != (socket.gethostname(), os.getpid())
    print(f"weights {[round(w, 3) for w in model['weights']]}, bias {model['bias']:.3f}")
    print(f"trained by process {model['pid']} on {model['host']}; this is process {os.getpid()}")
    print(f"accuracy on {len(held_out)} flowers that it never saw: {share:.2f}")
    return 0 if share >= GOOD_ENOUGH and elsewhere else 1


if __name__ == "__main__":
    sys.exit(main())
