"""Much output in a notebook: the head as it is, then a few last lines that roll.

Front ends keep every line of a cell, and become slow with many. So after the
head only the end is shown, and the log itself has all of it.
"""

from __future__ import annotations

import re
from collections import deque

HEAD_LINES = 2000
HEAD_CHARACTERS = 1 << 20
LINES = 20  # that roll
_WIDTH = 500  # characters of a line that rolls
_STEERING = re.compile(r"\x1b(?:\[[0-?]*[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class Head:
    """How much more may be shown as it is."""

    def __init__(self) -> None:
        self._lines, self._characters = HEAD_LINES, HEAD_CHARACTERS
        self.full = False

    def split(self, text: str) -> tuple[str, str]:
        """What still belongs to the head, and what comes after it."""
        if self.full:
            return "", text
        end = self._end(text)
        self._lines -= text.count("\n", 0, end)
        self._characters -= end
        self.full = self._lines <= 0 or self._characters <= 0
        return text[:end], text[end:]

    def _end(self, text: str) -> int:
        end = 0
        for _ in range(self._lines):
            following = text.find("\n", end) + 1
            if not following:
                end = len(text)
                break
            end = following
        return min(end, self._characters)


class Tail:
    """The last lines of what was put into it, and how many came before them."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES)
        self._count = 0
        self._open = ""  # a line whose end has not come

    def put(self, text: str) -> None:
        """More output."""
        *whole, rest = (self._open + text).split("\n")
        self._count += len(whole)
        self._lines.extend(whole[-LINES:])
        # Of a line without an end, as that of a bar, what shows is after its last return.
        self._open = rest if len(rest) < 4 * _WIDTH else rest[-4 * _WIDTH :]

    def text(self, where: str) -> str:
        """How many lines are hidden and ``where`` all of them are, then the last ones."""
        lines = [_as_shown(line) for line in self._lines]
        shown = [*lines, _as_shown(self._open)] if self._open else lines
        hidden = self._count - len(self._lines)
        return "\n".join([f"… {hidden:,} lines hidden; {where} has them all", *shown[-LINES:]])


def _as_shown(line: str) -> str:
    """What a terminal shows of a line at its end: colours stay, moves of the cursor do not."""
    kept = _STEERING.sub(lambda match: match[0] if match[1] == "m" else "", line)
    shown = ""
    for part in kept.rstrip("\r").split("\r"):
        # A bar paints over the one before it, and what that had more of stays.
        shown = part + shown[len(part) :] if "\x1b" not in shown + part else part or shown
    shown = shown if len(shown) <= _WIDTH else shown[:_WIDTH] + "…"
    return shown + "\x1b[0m" if "\x1b[" in shown else shown
