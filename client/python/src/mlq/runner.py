"""What the agent starts: ``python -m mlq.runner --warm`` or ``--spare``.

The slot that starts it speaks with it over descriptor 3; ``docs/slot.md`` has
the messages. This module and what it imports need nothing but the standard
library and cloudpickle, because that is all an environment must have.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the slot until it goes away."""
    parser = argparse.ArgumentParser(prog="mlq.runner", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--warm", action="store_true", help="fork a child for every job")
    mode.add_argument("--spare", action="store_true", help="run one job, then end")
    parser.add_argument("--preload", default="", metavar="A,B", help="modules to import ahead")
    options = parser.parse_args(argv)
    if options.warm:
        from . import _warm

        _warm.serve([name for name in options.preload.split(",") if name])
    else:
        from . import _call, _child, _linux

        _linux.set_dumpable(False)
        _child.prepare()
        _child.serve(os.getppid(), _linux.Mark(), _call.rehearsal())


if __name__ == "__main__":
    main()
