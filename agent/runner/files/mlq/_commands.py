"""The words that ``%mlq`` and ``python -m mlq`` share: the same as those of the ``mlq`` binary.

A command returns what is shown: in a notebook as it is, in a shell as text.
"""

from __future__ import annotations

import argparse
import difflib
import re
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from . import _ask
from ._errors import MlqError
from ._status import FINAL
from ._table import harmless
from ._version import __version__
from ._words import between, place

if TYPE_CHECKING:
    from ._client import Client
    from ._job import Job


WORDS = ("status", "jobs", "logs", "cancel", "why")


class Usage(Exception):
    """The command line is wrong; the text says how."""


class Text(str):
    """Lines for people, shown as they are. ``failed``: not all of it worked."""

    failed = False

    def __repr__(self) -> str:
        return str(self)


class Parser(argparse.ArgumentParser):
    """Raises Usage instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """As argparse calls it."""
        unknown = re.match(r"argument COMMAND: invalid choice: '([^']*)'", message)
        raise Usage(_no_command(unknown[1]) if unknown else message.removeprefix("argument ID: "))


def _no_command(word: str) -> str:
    """A refusal of a word that is no command, with the one that was meant."""
    near = difflib.get_close_matches(word, WORDS, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(WORDS)}"
    return f"unknown command {word!r}; {meant}"


def parser(prog: str) -> Parser:
    """Reads a command line into ``run``, which takes a client and these arguments."""
    made = Parser(prog=prog, description="Ask an MLQ server for jobs and devices.")
    if prog != "%mlq":
        made.add_argument("--version", action="version", version=f"mlq-gpu {__version__}")
        made.add_argument("--server", metavar="URL", help="default: MLQ_URL, or the configuration")
        made.add_argument("--token-file", metavar="FILE", help="a file with the token")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    add = _adder(commands)
    add("status", _status, "the devices, and your jobs that wait or run")
    listing = add("jobs", _jobs, "your jobs, the newest first")
    listing.add_argument("--state", help=f"only these: {', '.join(_ask.STATES)}")
    listing.add_argument("--name", default="", help="only jobs of this name")
    listing.add_argument("--user", default="", help="only jobs of this user (for admins)")
    listing.add_argument("-n", "--limit", type=int, default=50, help="how many at most")
    log = add("logs", _logs, "what a job printed")
    log.add_argument("id", type=job_id, metavar="ID")
    log.add_argument("-f", "--follow", action="store_true", help="until the job has ended")
    cancel = add("cancel", _cancel, "cancel jobs")
    cancel.add_argument("id", type=job_ids, metavar="ID", nargs="+", help="53, or 60-75")
    add("why", _why, "why a job waits, and until about when").add_argument(
        "id", type=job_id, metavar="ID"
    )
    return made


def _adder(commands: Any) -> Callable[[str, Any, str], argparse.ArgumentParser]:
    def add(name: str, run: Callable[[Client, argparse.Namespace], Any], text: str) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    return add


def read(made: Parser, argv: list[str]) -> argparse.Namespace:
    """The arguments. Raises Usage, and SystemExit after --help and --version."""
    given = made.parse_args(argv)
    if given.command is None:
        raise Usage(f"want a command: {', '.join(WORDS)}")
    return given


def job_id(text: str) -> int:
    """A job's id."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"job id {text!r}: want a number from 1")
    return int(text)


_MOST_IDS = 10_000  # of one range


def job_ids(text: str) -> range:
    """A job's id or a range of them: "53", "60-75"."""
    low, _, high = text.partition("-")
    first = job_id(low)
    last = job_id(high) if high else first
    if not first <= last < first + _MOST_IDS:
        raise argparse.ArgumentTypeError(
            f"job ids {text!r}: want FIRST-LAST, at most {_MOST_IDS:,}"
        )
    return range(first, last + 1)


def _status(client: Client, _: argparse.Namespace) -> Any:
    return _ask.overview(client)


def _jobs(client: Client, given: argparse.Namespace) -> Any:
    try:
        return _ask.jobs(client, given.state, given.limit, name=given.name, user=given.user)
    except ValueError as err:
        raise Usage(str(err)) from None


def _logs(client: Client, given: argparse.Namespace) -> Any:
    return client.job(given.id).logs(follow=given.follow)


def _cancel(client: Client, given: argparse.Namespace) -> Any:
    """One after the other; one that fails does not keep the others from it."""
    lines, failed = [], False
    for job in (client.job(number) for ids in given.id for number in ids):
        try:
            lines.append(f"job {job.id}: {_cancelled(job)}")
        except MlqError as err:
            failed = True
            lines.append(f"job {job.id}: {harmless(str(err))}")
    text = Text("\n".join(lines))
    text.failed = failed
    return text


def _cancelled(job: Job[Any]) -> str:
    if not job.cancel():
        return f"had ended already ({job._last_state})"
    return "cancelled" if job._last_state in FINAL else "told to stop"


def _why(client: Client, given: argparse.Namespace) -> Any:
    why = client.job(given.id).why()
    lines = [place(why.position, over=False, of=None)] if why.position else []
    lines += [f"- {harmless(reason.text)}" for reason in why.reasons]
    if why.latest is not None:
        lines.append(
            f"starts in about {between(why.earliest or 0.0, why.latest)} ({harmless(why.basis)})"
        )
    elif why.basis:
        lines.append(f"starts: {harmless(why.basis)}")
    return Text("\n".join(lines) or "the job does not wait")
