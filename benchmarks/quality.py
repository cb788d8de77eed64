"""How well what people like is predicted: measured on real people, beside other ways.

    python benchmarks/quality.py --data DIR --out FILE.json [--people FILE] [--crowd FILE]
        [--limit N] [--methods affinity,als] [--tasks A,B] [--half choose]
        [--folds 2] [--jobs 2]

DIR holds items.jsonl, boxsets.json and users.json (or .xz). Task A: favourite or not, among
played movies. Task B: rank all that is not played in the training part; hits are the hidden
favourites. Not done unless asked for: task C, are the probabilities that a person is told true, and
what does diversity cost? Task H: lists of people who clicked 0, 3, 10 and 30 % of their favourites,
whose other plays are plain ones; hits are all hidden favourites. Five folds a person; fold f of
everybody is hidden at once. Evaluated are people with 100 plays or more and 10 or more of either
class.

Beside FILE.json stand FILE.jsonl, each person's figures (a run that is broken off goes on from
there), and FILE.cache/. They are as private as the data.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from quality_bench.code import FIGURES, code_digest
from quality_bench.figures import (
    HEARTS,
    METRICS,
    Figures,
    favorite_figures,
    list_figures,
    word_figures,
)
from quality_bench.methods import METHODS, check_methods
from quality_bench.ours import Wanted, pool_of, pools_of, too_few
from quality_bench.people import N_FOLDS, Person, case_of, with_hearts
from quality_bench.reading import digest_of, find
from quality_bench.results import (
    Journal,
    Result,
    as_text,
    seconds_a_person,
    summarise,
)
from quality_bench.world import World, make_world
from rich.progress import Progress, TaskID
from threadpoolctl import threadpool_limits

from jfdask.errors import JfdaskError, SettingsError
from jfdask.model.inputs import Bools

Unit = tuple[int, str, str]  # which of the people evaluated, method, tasks


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print tables, write FILE.json; return an exit code."""
    options = _parser().parse_args(argv)
    try:
        print(measure(options))
    except JfdaskError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def measure(options: argparse.Namespace) -> str:
    """Measure what is not in the journal yet, write FILE.json, return the tables."""
    started = time.perf_counter()
    methods = tuple(dict.fromkeys(options.methods))
    tasks = "".join(task for task in METRICS if task in options.tasks)
    check_methods(methods)
    if not methods:
        raise SettingsError(f"--methods names none; there are {', '.join(METHODS)}.")
    if not tasks or set(options.tasks) - set(METRICS):
        raise SettingsError(f"--tasks {','.join(options.tasks)}: there are A, B, C and H.")
    if "A" in tasks and options.folds == 1:
        raise SettingsError("--folds 1: task A chooses a threshold on the other folds, take two.")
    out: Path = options.out
    if out.is_dir():
        raise SettingsError(f"--out {out} is a folder: name a file.")
    out.parent.mkdir(parents=True, exist_ok=True)
    world = make_world(options.data, options.people, options.crowd, out.with_suffix(".cache"))
    people = [p for p in world.evaluated if options.half in ("all", p.half)][: options.limit]
    if not people:
        raise SettingsError("Nobody has 100 plays and 10 of either class: there is no one to ask.")
    made_of = code_digest(FIGURES, _data_digest(options))
    world = replace(world, made_of=made_of, n_folds=options.folds)
    # Fewer folds are other figures, of the same pools.
    code = made_of if options.folds == N_FOLDS else f"{made_of}-{options.folds}"
    for method in methods:
        if told := too_few(world, people, method):
            print(told, file=sys.stderr)
    journal = Journal(out.with_suffix(".jsonl"))
    position = {p.user_id: i for i, p in enumerate(world.evaluated)}
    units = [
        (position[person.user_id], method, missing)
        for person in people
        for method in methods
        if (missing := _missing(journal, person, method, tasks, code))
    ]
    with Progress() as progress:
        _grow_pools(world, units, options.jobs, progress)
        bar = progress.add_task("people x methods", total=len(units))
        for (index, method, _), figures, seconds in _run(world, units, options.jobs):
            for task, found in figures.items():
                person_id = world.evaluated[index].user_id
                share = seconds / len(figures)
                journal.add(Result(person_id, method, task, code, found, share))
            _advance(progress, bar)
    results = [
        r
        for person in people
        for method in methods
        for task in tasks
        if (r := journal.find(person.user_id, method, task, code))
    ]
    summary = summarise(results, people, methods, tasks)
    summary["n_people"] = {"evaluated": len(people), "crowd": len(world.crowd)}
    summary["seconds"] = {
        "total": time.perf_counter() - started,
        "person": seconds_a_person(results),
    }
    out.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return as_text(summary, tasks)


def measure_person(
    world: World, person: Person, method: str, tasks: str
) -> tuple[dict[str, Figures], float]:
    """Return a method's figures of a person in each task, and the seconds it took."""
    started = time.perf_counter()
    liked = [person.liked[person.folds == fold] for fold in range(world.n_folds)]
    figures: dict[str, Figures] = {}
    if "H" in tasks:
        figures["H"] = _by_hearts(world, person, method, liked)
    if tasks == "H":
        return figures, time.perf_counter() - started
    cases = [case_of(person, fold, world.catalogue.movie_ids) for fold in range(world.n_folds)]
    scores = [METHODS[method].scores(world, case, tasks) for case in cases]
    seconds = time.perf_counter() - started
    if "A" in tasks:
        is_probability = METHODS[method].is_probability
        figures["A"] = favorite_figures(
            liked, [s["A"] for s in scores], is_probability=is_probability
        )
    hits = [case.hidden[y] for case, y in zip(cases, liked, strict=True)]
    candidates = [case.candidates for case in cases]
    if "B" in tasks:
        figures["B"] = list_figures(hits, candidates, [s["B"] for s in scores])
    if "C" in tasks:
        figures["C"] = word_figures(liked, hits, candidates, scores)
    return figures, seconds


def _by_hearts(world: World, person: Person, method: str, liked: list[Bools]) -> Figures:
    """Return task H's figures: the list's, as ever more of the favourites are known."""
    movie_ids = world.catalogue.movie_ids
    figures: Figures = {}
    for percent, name in zip(HEARTS, METRICS["H"], strict=True):
        clicked = with_hearts(person, percent, movie_ids)
        cases = [case_of(clicked, fold, movie_ids) for fold in range(world.n_folds)]
        told = world.with_hearts(percent)
        scores = [METHODS[method].scores(told, case, "B")["B"] for case in cases]
        hits = [case.hidden[y] for case, y in zip(cases, liked, strict=True)]
        figures[name] = list_figures(hits, [c.candidates for c in cases], scores)["ndcg@20"]
    return figures


_world: World | None = None  # what forked processes inherit


def _run(
    world: World, units: Sequence[Unit], jobs: int
) -> Iterator[tuple[Unit, dict[str, Figures], float]]:
    global _world
    if any(method == "seed" for _, method, _ in units):
        world.once("seed vectors", world.seed_vectors)  # before there are several processes
    _world = world
    if jobs == 1:
        with threadpool_limits(1):
            for unit in units:
                yield unit, *_measure_unit(unit)
        return
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, forked, initializer=threadpool_limits, initargs=(1,)) as pool:
        submitted = {pool.submit(_measure_unit, unit): unit for unit in units}
        try:
            for future in as_completed(submitted):
                yield submitted[future], *future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _grow_pools(world: World, units: Sequence[Unit], jobs: int, progress: Progress) -> None:
    """Have the trees of all pools grown, one a process, before people are scored by them."""
    global _world
    _world = world
    wanted = {
        Wanted(method, whose, fold, "C" in tasks and method == "pooled")
        for index, method, tasks in units
        for whose in pools_of(world, world.evaluated[index].user_id, method)
        for fold in range(world.n_folds)
        if set(tasks) - {"H"}
    }
    if not wanted or jobs == 1:
        return  # one process grows each when it comes to it
    bar = progress.add_task("pools of people", total=len(wanted))
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, forked, initializer=threadpool_limits, initargs=(1,)) as pool:
        try:
            for future in as_completed([pool.submit(_grow_pool, one) for one in sorted(wanted)]):
                future.result()
                _advance(progress, bar)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _advance(progress: Progress, bar: TaskID) -> None:
    """Tell that one more is done; in a log, where no bar is drawn, twenty times in all."""
    progress.advance(bar)
    told = progress.tasks[progress.task_ids.index(bar)]
    n_done, total = int(told.completed), int(told.total or 0)
    if not progress.console.is_terminal and n_done * 20 // total > (n_done - 1) * 20 // total:
        print(f"{told.description}: {n_done} of {total}", file=sys.stderr, flush=True)


def _grow_pool(wanted: Wanted) -> None:
    if _world is None:
        raise RuntimeError("A process was started without the world.")
    pool_of(_world, wanted)


def _measure_unit(unit: Unit) -> tuple[dict[str, Figures], float]:
    index, method, tasks = unit
    if _world is None:
        raise RuntimeError("A process was started without the world.")
    return measure_person(_world, _world.evaluated[index], method, tasks)


def _missing(journal: Journal, person: Person, method: str, tasks: str, code: str) -> str:
    return "".join(t for t in tasks if journal.find(person.user_id, method, t, code) is None)


def _data_digest(options: argparse.Namespace) -> str:
    data = options.data
    users = options.people or find(data, "users.json")
    files = [find(data, "items.jsonl"), find(data, "boxsets.json"), users]
    return digest_of([*files, options.crowd or users])


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").split("\n\n")[0]
    parser = argparse.ArgumentParser(prog="quality.py", description=summary)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="items, collections, people")
    add(
        "--out",
        type=_json_file,
        required=True,
        metavar="FILE.json",
        help="where figures are written",
    )
    add("--people", type=Path, metavar="FILE", help="who is evaluated (default: DIR's users)")
    add("--crowd", type=Path, metavar="FILE", help="whom to learn from (default: the same people)")
    add("--limit", type=_positive, metavar="N", help="evaluate so many people, a fair sample")
    add("--methods", type=_names, default=tuple(METHODS), help=f"(default {','.join(METHODS)})")
    add("--tasks", type=_names, default=("A", "B"), help="(default A,B)")
    add("--half", choices=("all", "choose", "quote"), default="all", help="(default all)")
    add("--folds", type=int, choices=range(1, N_FOLDS + 1), default=N_FOLDS, help="(default 5)")
    add("--jobs", type=_positive, default=1, metavar="N", help="processes (default 1)")
    return parser


def _json_file(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".json":
        # FILE.jsonl is the journal, which the summary would overwrite.
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .json")
    return path


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its processes end, too
    sys.exit(main())
