#!/usr/bin/env python3
"""Run `go test` and tell what ran: one line per package, the output of what
failed, every skipped test with its reason, the slowest tests, and a closing
count.

With MLQ_NO_SKIP=1, as in CI, a skipped test is a failure: a suite that quietly
left something out proves nothing about it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator

SLOWEST = 12  # tests that are listed at the end, for whoever wants a faster run
WORTH_TELLING = 5.0  # seconds


def events(command: list[str]) -> Iterator[dict[str, object]]:
    """Yield the events of `go test -json`; what is not JSON is printed as it is."""
    at = command.index("test") + 1
    process = subprocess.Popen(
        [*command[:at], "-json", *command[at:]], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)
        else:
            print(line, end="", flush=True)
    code = process.wait()
    yield {"Action": "exit", "Code": code}


def main(command: list[str]) -> int:
    """Run the command and return its exit code, or 1 for a skipped test in CI."""
    output: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    count: Counter[str] = Counter()
    skipped: list[str] = []
    took: list[tuple[float, str]] = []
    code = 1
    for event in events(command):
        action = str(event["Action"])
        package = str(event.get("Package", ""))
        test = str(event.get("Test", ""))
        lines = output[package, test]
        if action == "exit":
            code = int(str(event["Code"]))
        elif action in ("output", "build-output"):
            text = str(event.get("Output", ""))
            if test or action == "build-output" or not text.startswith(("ok", "?", "FAIL", "PASS")):
                lines.append(text)
            elif text.startswith(("ok", "FAIL\t")):
                print(text, end="", flush=True)
            if action == "build-output":
                print(text, end="", flush=True)
        elif action in ("pass", "fail", "skip"):
            if test:
                count[action] += 1
                took.append((float(str(event.get("Elapsed", 0))), f"{package} {test}"))
            if action == "fail":
                print("".join(lines), end="", flush=True)
            if action == "skip" and test:
                skipped.append(f"{package} {test}: {reason(lines)}")
            del output[package, test]
    for line in skipped:
        print("skipped:", line)
    for seconds, test in sorted(took, reverse=True)[:SLOWEST]:
        if seconds >= WORTH_TELLING:
            print(f"slow: {seconds:6.1f} s  {test}")
    print(
        f"go: {count['pass']} passed, {count['fail']} failed, {count['skip']} skipped", flush=True
    )
    if count["pass"] == 0 and code == 0:
        print("go: no test ran", file=sys.stderr)
        return 1
    if skipped and os.environ.get("MLQ_NO_SKIP") == "1":
        print("go: MLQ_NO_SKIP is set, and tests were skipped", file=sys.stderr)
        return code or 1
    return code


def reason(lines: list[str]) -> str:
    """Say why a test skipped itself: the last line of its output but the verdict."""
    said = [line.strip() for line in lines if not line.lstrip().startswith(("===", "---"))]
    return said[-1] if said else "no reason given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
