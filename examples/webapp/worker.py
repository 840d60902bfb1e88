"""A worker of the backend: start as many as the work needs."""

from __future__ import annotations

import asyncio
from typing import Any

from mlq.compat import MLQ  # was: from mlq.queue import MLQ

mlq = MLQ("example_app", "localhost", 6379, 0)


def primes(msg: dict[str, int], *args: Any) -> tuple[str, dict[str, int]]:
    """How many primes there are below a number, and the largest: a model would stand here."""
    utils = args[0]
    below = msg["below"]
    if below < 3:
        raise ValueError(f"there is no prime below {below}")
    print(f"job {utils['full_message']['id']}: the primes below {below}")
    is_prime = bytearray([0, 0]) + bytearray([1]) * (below - 2)
    root = int(below**0.5)
    for number in range(2, root + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, below, number)))
        if number % 100 == 0:
            utils["update_progress"](round(100 * number / root))
    count = sum(is_prime)
    return f"{count}", {"count": count, "largest": is_prime.rindex(1)}


async def main() -> None:
    mlq.create_listener(primes)
    print("Waiting for messages; Ctrl-C ends it.")


if __name__ == "__main__":
    asyncio.run(main())
