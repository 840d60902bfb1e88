"""Functions of this process at the server, which knows their names and nothing more of them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from ._answers import reading
from ._errors import MlqError
from ._line import Line

if TYPE_CHECKING:
    from ._config import Settings
    from ._http import Transport
    from ._work import Function

_NAME = re.compile(r"[A-Za-z_<][A-Za-z0-9_.<>]{0,127}")  # of the server, api/consumer.go


def line(settings: Settings) -> Line:
    """The line over which a listener takes its jobs."""
    return Line(settings)


def function_of(given: Any) -> tuple[str, Function]:
    """The function, also one as jsonpickle writes its cloudpickle, and its name."""
    function = _unpickled(given) if isinstance(given, dict) else given
    if not callable(function):
        raise TypeError(f"a listener is a function, as in create_listener(f), not {given!r:.100}")
    return name_of(function), function


def name_of(function: Any) -> str:
    """The name under which the function is known; TypeError where it has none."""
    if isinstance(function, dict):
        function = _unpickled(function)
    name = getattr(function, "__name__", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TypeError(
            f"{function!r:.100} has no name by which messages could ask for it; "
            "define a function: def listen(msg, *args): …"
        )
    return name


def add(transport: Transport, name: str) -> None:
    """Have the server know that processes here have it."""
    transport.request("POST", "/consumer", query={"name": name, "local": "1"})


def remove(transport: Transport, name: str) -> None:
    """Have the server forget it; it may have done so already."""
    try:
        transport.request("DELETE", "/consumer", query={"name": name})
    except MlqError as err:
        if err.status != 404:
            raise


def names(transport: Transport) -> set[str]:
    """The functions of this user that the server knows."""
    answer = transport.request("GET", "/consumer").object()
    with reading("list of functions"):
        return {str(function["name"]) for function in answer["functions"]}


def _unpickled(given: dict[str, Any]) -> Any:
    """From the caller's own hands: as safe as the function would be."""
    import cloudpickle

    try:
        return cloudpickle.loads(base64.b64decode(given["py/b64"], validate=True))
    except (KeyError, TypeError, binascii.Error):
        raise TypeError(
            "a dict given for a function is {'py/b64': …}, as jsonpickle writes a cloudpickle"
        ) from None
