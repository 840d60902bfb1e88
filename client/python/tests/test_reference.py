"""docs/python.md and the package say the same: names, attributes, parameters, examples."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import mlq
from conftest import REPOSITORY
from mlq._request import FIELDS

PAGE = (REPOSITORY / "docs" / "python.md").read_text()
PROSE = re.sub(r"^```.*?^```", "", PAGE, flags=re.M | re.S)
EXAMPLES = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S))
SPANS = re.findall(r"`([^`\n]+)`", PROSE)

# How the page calls an object of each class.
OBJECTS: dict[str, tuple[type, ...]] = {
    "check": (mlq.Check,),
    "client": (mlq.Client,),
    "context": (mlq.Context,),
    "device": (mlq.Device,),
    "environment": (mlq.Checked,),
    "error": (mlq.MlqError, mlq.JobError, mlq.RemoteError),
    "executor": (mlq.Executor,),
    "file": (mlq.File,),
    "future": (mlq.JobFuture,),
    "job": (mlq.Job,),
    "jobs": (mlq.JobList,),
    "options": (mlq.Submitter,),
    "overview": (mlq.Overview,),
    "reason": (mlq.WhyReason,),
    "waited": (mlq.Waited,),
    "why": (mlq.Why,),
}
_SPAN = re.compile(rf"(mlq|{'|'.join(OBJECTS)})\.(\w+)(?:\((.*)\))?")
NAMED = [match for match in map(_SPAN.fullmatch, SPANS) if match]

# Made by the package; what makes them has an example. Errors have one for several.
NO_EXAMPLE = {"Check", "Checked", "Context", "Device", "File", "JobFuture", "JobList", "Overview"}
NO_EXAMPLE |= {"Job", "Submitter", "Waited", "Why", "WhyReason", "__version__"}
NO_EXAMPLE |= {"load_ipython_extension"}  # IPython calls it; e2e/notebook has the sessions
NO_EXAMPLE |= {name for name, home in mlq._HOME.items() if home == "_errors"}


@functools.cache
def attributes(kind: type) -> frozenset[str]:
    """The public names of a class, and of its instances."""
    file = Path(mlq.__file__ or "").parent / f"{mlq._HOME[kind.__name__]}.py"
    (body,) = (
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    found = {*vars(kind), *vars(kind).get("__annotations__", {})}
    for node in ast.walk(body):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return frozenset(name for name in found if not name.startswith("_"))


def value_of(owner: str, name: str) -> Any:
    """What a name of the page stands for; None for an attribute that instances have."""
    if owner == "mlq":
        return getattr(mlq, name)
    for kind in OBJECTS[owner]:
        if name in attributes(kind) or hasattr(kind, name):
            return getattr(kind, name, None)
    raise AssertionError(f"{owner}.{name} stands in docs/python.md, and there is none")


def parameters(value: Any) -> str | None:
    """The parameters as the page writes them; None for what is not called."""
    if not callable(value):
        return None
    found = inspect.signature(value)
    if set(found.parameters) == set(FIELDS):
        return "**request"
    plain = []
    for parameter in found.parameters.values():
        kind = parameter.kind
        if kind is inspect.Parameter.POSITIONAL_ONLY:  # no concern of readers
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if parameter.name != "self":
            plain.append(parameter.replace(annotation=inspect.Parameter.empty, kind=kind))
    return str(inspect.Signature(plain))[1:-1].replace("'", '"')


def is_a_call(parameters: str, signature: inspect.Signature, bound: bool) -> bool:
    """Whether some text within brackets is a call that the function takes."""
    try:
        call = ast.parse(f"f({parameters})", mode="eval").body
    except SyntaxError:
        return False
    assert isinstance(call, ast.Call)
    try:
        signature.bind(*[None] * bound, *call.args, **{str(k.arg): None for k in call.keywords})
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("span", sorted({match[0] for match in NAMED if "…" not in match[0]}))
def test_what_the_page_names_is_there(span: str) -> None:
    match = _SPAN.fullmatch(span)
    assert match
    owner, name, said = match.groups()
    value = value_of(owner, name)
    if said is None or said == parameters(value):
        return
    bound = owner != "mlq"
    assert is_a_call(said, inspect.signature(value), bound), f"it takes ({parameters(value)})"


def test_each_name_is_on_the_page() -> None:
    missing = [name for name in mlq.__all__ if not re.search(rf"`mlq\.{name}\b", PROSE)]
    assert missing == ["__version__"]


@pytest.mark.parametrize("owner", OBJECTS)
def test_each_attribute_is_on_the_page(owner: str) -> None:
    said = {match[2] for match in NAMED if match[1] == owner}
    there = frozenset[str]().union(*map(attributes, OBJECTS[owner]))
    assert not there - said, f"as `{owner}.NAME`"


def test_each_function_is_on_the_page_with_all_that_it_takes() -> None:
    said = {match[0] for match in NAMED}
    functions = [("mlq", name) for name in mlq.__all__ if callable(getattr(mlq, name))]
    functions += [
        (owner, name) for owner, kinds in OBJECTS.items() for k in kinds for name in attributes(k)
    ]
    missing = []
    for owner, name in functions:
        value = value_of(owner, name)
        made = isinstance(value, type) and name not in ("Client", "Executor")
        takes = None if made else parameters(value)
        if takes is not None and f"{owner}.{name}({takes})" not in said:
            missing.append(f"`{owner}.{name}({takes})`")
    assert not missing


def test_each_name_has_an_example() -> None:
    shown = set(re.findall(r"\bmlq\.(\w+)", EXAMPLES))
    assert set(mlq.__all__) - shown == NO_EXAMPLE - shown, "without one, or listed and with one"
    assert len(shown & {name for name, home in mlq._HOME.items() if home == "_errors"}) >= 5


def test_all_classes_are_compared() -> None:
    compared = {kind for kinds in OBJECTS.values() for kind in kinds}
    classes = {
        value
        for value in (getattr(mlq, name) for name in mlq.__all__)
        if isinstance(value, type) and attributes(value)
    }
    assert classes == compared
