"""Values as a notebook shows them: bundles of MIME types, made where the value is.

The methods are IPython's (``_repr_html_`` and its kin), so that what has them looks as it does
in a notebook. Nothing is imported for it.
"""

from __future__ import annotations

import base64
import io
import pprint
import sys
from typing import Any, NamedTuple

_METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_json_": "application/json",
}
_CONTAINERS = (dict, list, tuple, set, frozenset)
_WIDTH = 79  # characters, as IPython breaks lines
_WIDGET = "application/vnd.jupyter.widget-view+json"  # of a model that only the job has
MOST = 16 << 20  # characters of one form; a longer one is left out


class Figure(NamedTuple):
    """A figure of matplotlib, and how it looks."""

    figure: Any
    bundle: dict[str, Any]


def bundle_of(value: Any) -> dict[str, Any]:
    """All forms that a value has, ``text/plain`` always. Where making one fails, stderr says so."""
    forms: dict[str, Any] = {"text/plain": _text(value)}
    if isinstance(value, type):
        return forms
    forms.update(_forms(value, "_repr_mimebundle_"))
    for method, mime in _METHODS.items():
        made = _call(value, method)
        if made is not None:
            forms.setdefault(mime, _encoded(made[0] if isinstance(made, tuple) else made))
    if _is_figure(value):
        forms.update(_png_of(value))
    forms.pop(_WIDGET, None)
    return {mime: form for mime, form in forms.items() if not _is_large(form)}


def figures() -> list[Figure]:
    """The open figures in the order in which they were made; they are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    found = [pyplot.figure(number) for number in pyplot.get_fignums()]
    made = [Figure(f, bundle_of(f)) for f in found if f.axes or f.texts or f.images]
    pyplot.close("all")
    return made


def is_shown(value: Any, shown: list[Figure]) -> bool:
    """Whether the value is one of these figures, which need not be seen twice."""
    return any(value is figure.figure for figure in shown)


def _is_figure(value: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def _png_of(figure: Any) -> dict[str, str]:
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return {"image/png": _encoded(file.getvalue())}


def _forms(value: Any, method: str) -> dict[str, Any]:
    made = _call(value, method)
    made = made[0] if isinstance(made, tuple) and made else made
    return {mime: _encoded(form) for mime, form in made.items()} if isinstance(made, dict) else {}


def _call(value: Any, method: str) -> Any:
    call = getattr(type(value), method, None) and getattr(value, method, None)
    if not callable(call):
        return None
    try:
        return call(include=None, exclude=None) if method == "_repr_mimebundle_" else call()
    except Exception as err:  # noqa: BLE001 - it is the value's own code; its other forms are shown
        print(f"{type(value).__name__}.{method} failed: {err!r}", file=sys.stderr)
        return None


def _text(value: Any) -> str:
    """As IPython writes it: containers in lines of a readable width."""
    try:
        if isinstance(value, _CONTAINERS) and type(value).__repr__ in _REPRS:
            return pprint.pformat(value, width=_WIDTH, compact=True, sort_dicts=False)
        return repr(value)
    except Exception as err:  # noqa: BLE001 - as above
        return f"<{type(value).__name__}, whose repr raised {err!r}>"


_REPRS = frozenset(kind.__repr__ for kind in _CONTAINERS)


def _encoded(form: Any) -> Any:
    """Bytes as base64, as messages of Jupyter have them."""
    return base64.b64encode(form).decode() if isinstance(form, (bytes, bytearray)) else form


def _is_large(form: Any) -> bool:
    return isinstance(form, str) and len(form) > MOST
