"""Write functions.tsv: what Python and cloudpickle pickle, and what the name of it is.

A line is: what it is, the name ("!" and the error where there is none), the pickle in base 64.
"""

import base64
import collections
import functools
import math
import pickle
import sys

import cloudpickle


def multiply(msg, *args):
    print("I got a message: " + str(msg))
    return msg["arg1"] * msg["arg2"]


def make(known):
    model = list(range(5000))

    def inner(msg, context=None, *, default=3):
        """Has a closure, defaults, a set among its constants, and itself."""
        if msg in {"a", "b"}:
            return inner("c")
        return (model[msg], known, math.sqrt(default))

    return inner


def größe(msg: "int") -> "int":
    return multiply(msg)


class Model:
    """A class of the script: cloudpickle sends it along."""

    def predict(self, msg):
        return multiply(msg)

    def __call__(self, msg):
        return msg


def pickles():
    dumps = cloudpickle.dumps
    for protocol in range(2, 6):
        yield f"by value, protocol {protocol}", "multiply", dumps(multiply, protocol)
    yield "a closure", "inner", dumps(make({1, 2}))
    yield "a name of other letters", "größe", dumps(größe)
    yield "a lambda", "<lambda>", dumps(lambda m: m)
    yield "renamed", "other", dumps(renamed())
    yield "a coroutine function", "later", dumps(later)
    for protocol in range(6):
        yield f"by reference, protocol {protocol}", "sqrt", pickle.dumps(math.sqrt, protocol)
    yield "a class method by reference", "fromkeys", dumps(collections.OrderedDict.fromkeys)
    yield "a method", "predict", dumps(Model().predict)
    yield "a callable object", "!no name", dumps(Model())
    yield "a class", "!no name", dumps(Model)
    yield "a partial", "!no name", dumps(functools.partial(multiply, 1))
    for value in ({"a": 1}, b"abc", "abc", 3, 1.5, None, [1], (1, 2), {1}, frozenset((1,)), True):
        for protocol in (0, 5):
            yield f"{value!r}, protocol {protocol}", "!not a function", pickle.dumps(value, protocol)
    yield "a dict of functions", "!not a function", dumps({"f": multiply})


def renamed():
    def first(msg):
        return msg

    first.__name__ = "other"
    return first


async def later(msg):
    return msg


with open("functions.tsv", "w", encoding="utf-8") as out:
    print(f"# cloudpickle {cloudpickle.__version__}, Python {sys.version.split()[0]}", file=out)
    for what, name, data in pickles():
        print(what, name, base64.b64encode(data).decode(), sep="\t", file=out)
