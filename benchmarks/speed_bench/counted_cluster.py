"""A night's local cluster in a process of its own, whose scheduler counts.

    python -m speed_bench.counted_cluster

Prints the scheduler's address; ends with its standard input. Only what reaches the scheduler
from outside is counted once: client and workers are other processes. (The few messages of the
nannies, which live beside the scheduler, are counted twice.)
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from speed_bench.counting import TaskCounter, count_bytes
from speed_bench.quiet import two_workers


@contextmanager
def counted_cluster() -> Iterator[str]:
    """Run such a cluster for the length of a block; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "speed_bench.counted_cluster"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address.startswith("tcp://"):
            raise SystemExit("The cluster did not start; its own words are above.")
        yield address
    finally:
        process.communicate("")


def main() -> None:
    """Serve until the standard input is closed."""
    count_bytes()
    with two_workers() as client:
        client.register_plugin(TaskCounter())
        print(client.scheduler.address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
