#!/usr/bin/env python3
"""Check the links of all Markdown files: every relative one must lead to a
file of this repository, and a #fragment to a heading of that file.

Links into the web are not fetched: a check that depends on the network fails
for reasons that are not ours.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def main() -> int:
    """Print each broken link with its file and return 1 if there was one."""
    broken = [f"{page}: {why}" for page in pages() for why in check(page)]
    print("\n".join(broken) if broken else f"links: {len(pages())} pages, all links lead somewhere")
    return 1 if broken else 0


@cache
def pages() -> list[Path]:
    """List the Markdown files that git tracks, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", "*.md"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(p) for p in listed.stdout.splitlines()]


def check(page: Path) -> list[str]:
    """Return what is wrong with the links of one page."""
    text = CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    found = [a or b for a, b in LINK.findall(text)]
    local = [link for link in found if not re.match(r"[a-z][a-z0-9+.-]*:", link)]
    return [why for link in local if (why := wrong(page, unquote(link)))]


def wrong(page: Path, link: str) -> str:
    """Say why a link leads nowhere, or nothing."""
    path, _, fragment = link.partition("#")
    target = page if not path else page.parent / path
    if not target.exists():
        return f"{link}: no such file"
    if fragment and target.suffix == ".md" and fragment not in anchors(target):
        return f"{link}: no such heading"
    return ""


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, made as forges make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = [re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text)]
    return frozenset(title.replace(" ", "-") for title in titles)


if __name__ == "__main__":
    sys.exit(main())
