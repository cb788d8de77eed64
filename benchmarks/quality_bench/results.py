"""Results a person, kept as they come; means, errors and paired differences over people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jfdask.model.calibration import Reliability, together

from .figures import LOSSES, METRICS, Figures
from .methods import BASELINES
from .people import Person

Statistic = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Result:
    """One person's figures of one method in one task: a line of the journal."""

    person: str
    method: str
    task: str
    code: str  # digest of the code and the data that they come of
    figures: Figures
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same result."""
        return self.person, self.method, self.task, self.code


class Journal:
    """Results in a file, one a line: a run that was broken off goes on where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[tuple[str, str, str, str], Result] = {}
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        for line in lines[:-1]:  # after the last newline stands nothing, or half a line
            result = Result(**json.loads(line))
            self._found[result.key] = result
        if lines and lines[-1]:
            path.write_text("".join(f"{line}\n" for line in lines[:-1]), encoding="utf-8")

    def find(self, person: str, method: str, task: str, code: str) -> Result | None:
        """Return a result that is there already."""
        return self._found.get((person, method, task, code))

    def add(self, result: Result) -> None:
        """Keep a result."""
        self._found[result.key] = result
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def summarise(
    results: Sequence[Result], people: Sequence[Person], methods: Sequence[str], tasks: str
) -> dict[str, Any]:
    """Return the figures of everybody, of both halves, and of people like the seed's author."""
    groups = {
        "choose": {p.user_id for p in people if p.half == "choose"},
        "quote": {p.user_id for p in people if p.half == "quote"},
    }
    alike = {p.user_id for p in people if p.is_like_the_author}
    whole = _of_group(results, {p.user_id for p in people}, methods, tasks)
    return {
        **whole,
        "halves": {name: _of_group(results, ids, methods, tasks) for name, ids in groups.items()},
        "people_like_the_author": _of_group(results, alike, methods, tasks),
    }


def seconds_a_person(results: Iterable[Result]) -> dict[str, float]:
    """Return the mean seconds that a method took for one person, all her folds together."""
    spent: dict[str, dict[str, float]] = {}
    for r in results:
        by_person = spent.setdefault(r.method, {})
        by_person[r.person] = by_person.get(r.person, 0.0) + r.seconds
    return {m: float(np.mean(list(by_person.values()))) for m, by_person in spent.items()}


def _of_group(
    results: Sequence[Result], ids: set[str], methods: Sequence[str], tasks: str
) -> dict[str, Any]:
    asked = dict.fromkeys(["A", "B", *tasks])
    summary: dict[str, Any] = {**{t: {} for t in asked}, "paired": {t: {} for t in asked}}
    if "C" in tasks:
        summary["calibration"] = _calibration([r for r in results if r.person in ids])
    for task in tasks:
        found: dict[str, dict[str, Figures]] = {m: {} for m in methods}
        for r in results:
            if r.task == task and r.person in ids:
                found[r.method][r.person] = r.figures
        for method in methods:
            summary[task][method] = {
                name: _statistic(f[name] for f in found[method].values()) for name in METRICS[task]
            }
        for method in methods:
            summary["paired"][task][method] = {
                "seed": {n: _difference(found, method, "seed", n) for n in METRICS[task]},
                "best_baseline": {
                    n: _to_best(found, summary[task], method, n) for n in METRICS[task]
                },
            }
    return summary


def _calibration(results: Sequence[Result]) -> dict[str, Any]:
    """Return the reliability of everybody's predictions together, by method."""
    found: dict[str, dict[str, list[Reliability]]] = {}
    for r in results:
        for name, rows in (r.figures.get("bins") or {}).items() if r.task == "C" else ():
            by_name = found.setdefault(r.method, {})
            by_name.setdefault(name, []).append(Reliability.from_rows(rows))
    return {m: {n: together(some).to_dict() for n, some in f.items()} for m, f in found.items()}


def _statistic(values: Iterable[float | None]) -> Statistic:
    known = np.array([v for v in values if v is not None], dtype=np.float64)
    n = len(known)
    return {
        "mean": float(known.mean()) if n else None,
        "se": float(known.std(ddof=1) / math.sqrt(n)) if n > 1 else None,
        "n": n,
    }


def _difference(
    found: Mapping[str, Mapping[str, Figures]], method: str, other: str, metric: str
) -> Statistic:
    """Return the statistic of method less other over the people who have both."""
    theirs = found.get(other, {})
    pairs = [
        (figures[metric], theirs[person][metric])
        for person, figures in found[method].items()
        if person in theirs
    ]
    return _statistic(a - b for a, b in pairs if a is not None and b is not None)


def _to_best(
    found: Mapping[str, Mapping[str, Figures]],
    means: Mapping[str, Mapping[str, Statistic]],
    method: str,
    metric: str,
) -> Statistic:
    sign = -1.0 if metric in LOSSES else 1.0
    known = {
        b: sign * float(mean)
        for b in BASELINES
        if b in means and b != method and (mean := means[b][metric]["mean"]) is not None
    }
    if not known:
        return {**_statistic([]), "baseline": None}
    best = max(known, key=lambda b: known[b])
    return {**_difference(found, method, best, metric), "baseline": best}


def as_text(summary: Mapping[str, Any], tasks: str) -> str:
    """Return tables for people: figures, then paired differences."""
    lines: list[str] = []
    for task in tasks:
        names = METRICS[task]
        lines.append("".join([f"{'task ' + task:34}", *(f"{n:>16}" for n in names)]))
        for method, figures in summary[task].items():
            lines.append(_line(method, [figures[n] for n in names]))
        for method, paired in summary["paired"][task].items():
            lines.append(_line(f"{method} - seed", [paired["seed"][n] for n in names]))
        for method, paired in summary["paired"][task].items():
            best = paired["best_baseline"]
            lines.append(_line(f"{method} - best", [best[n] for n in names]))
        shown = list(summary["paired"][task].values())[-1]["best_baseline"]
        best = ", ".join(f"{n} {shown[n]['baseline']}" for n in names)
        lines += [f"best baseline beside {method}: {best}", ""]
    for method, found in summary.get("calibration", {}).items():
        for name, told in found.items():
            error = f"{told['calibration_error']:.4f}"
            lines.append(f"{method}: calibration error of {name}: {error} (n={told['n']})")
    return "\n".join(lines)


def _line(name: str, statistics: Sequence[Statistic]) -> str:
    return "".join([f"{name:34}", *(f"{_shown(s):>16}" for s in statistics)])


def _shown(statistic: Statistic) -> str:
    if statistic["mean"] is None:
        return "-"
    error = "" if statistic["se"] is None else f" ±{statistic['se']:.4f}"
    return f"{statistic['mean']:.4f}{error}"
