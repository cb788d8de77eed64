"""What a scheduler has had to do: tasks that ended there, and bytes that came and went."""

from __future__ import annotations

from collections import Counter
from typing import Any

from distributed import SchedulerPlugin
from distributed.comm import tcp
from distributed.utils import key_split, nbytes

counts = {"tasks": 0, "bytes": 0}
#: The tasks by what they do.
tasks_of: Counter[str] = Counter()


def count_bytes() -> None:
    """Count all that this process sends and receives over distributed's connections."""
    write, from_frames = tcp.TCP.write, tcp.from_frames

    async def counted_write(self: Any, *args: Any, **kwargs: Any) -> int:
        written: int = await write(self, *args, **kwargs)
        counts["bytes"] += written
        return written

    async def counted_read(frames: Any, *args: Any, **kwargs: Any) -> Any:
        counts["bytes"] += sum(nbytes(frame) for frame in frames)
        return await from_frames(frames, *args, **kwargs)

    tcp.TCP.write, tcp.from_frames = counted_write, counted_read


class TaskCounter(SchedulerPlugin):
    """Counts tasks that a worker has ended, well or not, again if it was done again."""

    name = "task-counter"

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        """Take note of a task's change of state."""
        if start == "processing" and finish in ("memory", "erred"):
            counts["tasks"] += 1
            tasks_of[key_split(key)] += 1


def read_counts() -> dict[str, Any]:
    """Return the counts; to be run on the scheduler."""
    return {**counts, "tasks_of": dict(tasks_of.most_common())}


def peak_bytes() -> int:
    """Return the most memory this process ever held (Linux); to be run on workers."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
