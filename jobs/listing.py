"""A person's list and figures as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jfdask.stages.lists import PersonalList
from jfdask.store.runs import started_at

#: How often one list tells the same reason while there are others.
SAME_REASON = 2
_FIGURES = ("auc", "ap", "f1", "precision", "recall", "accuracy")
_TITLES = {
    "out_of_fold": "measured out of fold",
    "held_out": "measured on plays held out from every search",
}


def print_list(found: PersonalList, number: int, figures: Mapping[str, Any]) -> None:
    """Print the first movies of a list, and how good the model behind it is."""
    console = Console(highlight=False)
    document = found.document
    night = _day(found.kept_from or found.run_id)
    where = f", household {found.household}, night of {night}"
    console.print(Text.assemble("\n", (found.name, "bold"), where))
    if found.kept_from:
        told = f"Kept: the night of {_day(found.run_id)} could not make a new list."
        console.print(Text(told, style="italic"))
    if document["notice"]:
        console.print(Text(document["notice"], style="italic"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("score", justify="right")
    has_chance = any(row.get("p_favorite") is not None for row in document["recommendations"])
    if has_chance:
        table.add_column("loved", justify="right")
    table.add_column("title", max_width=36)
    table.add_column("year", justify="right")
    table.add_column("because", overflow="fold")
    told_so_far: Counter[str] = Counter()
    for row in document["recommendations"][:number]:
        because = _reason(row["reasons"], row["reason_kinds"], told_so_far)
        table.add_row(
            str(row["rank"]),
            f"{row['score']:.2f}",
            *([_percent(row["p_favorite"])] if has_chance else []),
            Text(row["name"]),
            str(row["production_year"] or ""),
            Text(because),
        )
    console.print(table)
    scores = [row["score"] for row in document["recommendations"][:number]]
    is_varied = scores != sorted(scores, reverse=True)
    lower = "; films much like one above stand lower" if is_varied else ""
    console.print(Text(f"score: {document['score_meaning']}{lower}", style="dim"))
    if has_chance:
        told = "loved: how likely it becomes a favourite once watched; -: marked or rated already"
        console.print(Text(told, style="dim"))
    print_figures(console, figures)


def print_figures(console: Console, figures: Mapping[str, Any]) -> None:
    """Print a person's figures beside the simple rules."""
    n_of = {
        which: methods["model"]["n"] for which, methods in figures["metrics"].items() if methods
    }
    # Of too many plays those that she liked are learned from first.
    n_seen, n_plays = sum(n_of.values()), figures.get("n_plays", 0)
    thinned = f", of {n_seen} plays of {n_plays}, liked ones first" if n_seen < n_plays else ""
    if "out_of_fold" in n_of:
        console.print(Text(_in_words(figures["metrics"]["out_of_fold"]), style="dim"))
    for which, title in _TITLES.items():
        if which not in n_of:
            continue
        methods = figures["metrics"][which]
        console.print(Text(f"{title}, n={n_of[which]}{thinned}", style="dim"))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("", "auc", "95 % of it", *_FIGURES[1:]):
            table.add_column(name, justify="right" if name else "left", no_wrap=True)
        for method, values in methods.items():
            interval = values["intervals"].get("auc")
            cells = [_number(values[name]) for name in _FIGURES]
            cells.insert(1, f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "-")
            table.add_row(method.replace("_", " "), *cells)
        console.print(table)


def _in_words(methods: Mapping[str, Any]) -> str:
    """Return what the AUC says to who has never heard of it."""
    ours, by_rating = (methods[name]["auc"] for name in ("model", "community_rating"))
    return (
        "Of two watched films, one liked and one not, the model scores the liked one higher "
        f"{_percent(ours)} of the time (out of fold); "
        f"the public's rating does {_percent(by_rating)}."
    )


def _reason(reasons: Sequence[str], kinds: Sequence[str], told_so_far: Counter[str]) -> str:
    """Return the weightiest reason that has not been told twice already, else the weightiest.

    That somebody marked a film herself is told of each.
    """
    fresh = [
        reason
        for reason, kind in zip(reasons, kinds, strict=True)
        if kind == "favorite" or told_so_far[reason] < SAME_REASON
    ]
    chosen = (fresh or list(reasons) or [""])[0]
    told_so_far[chosen] += 1
    return chosen


def _day(run_id: str) -> str:
    return f"{started_at(run_id).astimezone():%Y-%m-%d}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
