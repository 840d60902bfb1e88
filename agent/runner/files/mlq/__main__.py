"""``python -m mlq``: ask the server from a shell that has no ``mlq`` binary.

The exit codes are the binary's: 1 it did not work, 2 the command line is wrong,
128 and the signal's number after an interrupt.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from . import _commands
from ._table import harmless

if TYPE_CHECKING:
    import argparse

FAILED, USAGE = 1, 2


def main(argv: list[str]) -> int:
    """Run one command and return the exit code."""
    made = _commands.parser("python -m mlq")
    try:
        given = _commands.read(made, argv)
        return _run(given)
    except _commands.Usage as err:
        return _complain(f"{err}\nhint: see {made.prog} --help", USAGE)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Nobody reads any more, as after `| head`: Python must not try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _run(given: argparse.Namespace) -> int:
    from ._client import Client
    from ._errors import MlqError

    try:
        with Client(given.server, token_file=given.token_file) as client:
            return _show(given.run(client, given))
    except BrokenPipeError:
        raise
    except (MlqError, OSError) as err:
        return _complain(str(err), FAILED)


def _show(value: Any) -> int:
    """Write text as it is, pieces as they come, and tables as lines."""
    pieces = value if hasattr(value, "__next__") else [str(value)]
    ended = True
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
        ended = piece.endswith("\n") or (ended and not piece)
    if not ended:
        sys.stdout.write("\n")
    sys.stdout.flush()
    return FAILED if getattr(value, "failed", False) else 0


def _complain(text: str, code: int) -> int:
    first, *hints = text.split("\n")
    for line in (f"mlq: {first}", *hints):
        print(harmless(line), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
