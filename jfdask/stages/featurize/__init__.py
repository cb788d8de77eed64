"""Stage featurize: movies become one sparse matrix of named columns, and a TruncatedSVD of blocks.

The method seed learns from the SVD of all of its blocks; affinity from the matrix itself, beside
which the SVD of the texts' vectors is stored, and not used yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

from jfdask.errors import TextModelError
from jfdask.features.matrix import SEED_BLOCKS
from jfdask.settings import Settings
from jfdask.stages.featurize import tasks
from jfdask.stages.featurize.svd import reduce_rows
from jfdask.stages.featurize.text_model import TextModelRequest, ensure_text_model
from jfdask.stages.files import FEATURIZE, FETCH, MOVIES_TABLE, blocks_part, matrix_part
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import Draft, Plan, UnitReport
from jfdask.stages.units import Night, run_units
from jfdask.stages.window import Call, Work, answer_to, values
from jfdask.store.manifests import Receipt

NAME = FEATURIZE
#: The method affinity takes the text blocks alone, reduced to so many columns; the method
#: seed takes all of its blocks, reduced to as many as there are training rows.
TEXT_COMPONENTS = 10
_IN_FLIGHT = 64


def run(night: Night, fetched: Mapping[str, UnitReport]) -> dict[str, UnitReport]:
    """Make features for every household that was fetched."""
    return run_units(
        night,
        NAME,
        fetched,
        plan=partial(_plan, settings=night.settings),
        work=partial(_work, settings=night.settings),
        in_flight=_IN_FLIGHT,
    )


def _plan(place: Place, *, settings: Settings) -> Work[Plan]:
    request = TextModelRequest(
        settings.features.text_model,
        settings.features.text_dimensions,
        settings.train.random_state,
        settings.features.text_model_seconds,
    )
    is_seed, n_components = settings.train.method == "seed", settings.features.n_components
    problems: tuple[str, ...] = ()
    try:
        text_model = yield from answer_to(Call(ensure_text_model, (place, request), "text models"))
    except TextModelError as error:
        if is_seed:
            raise
        # The method affinity does not learn from its vectors.
        text_model, problems = None, (f"There are no text vectors: {error}",)
    if n_components is None and is_seed:
        n_components = yield from answer_to(Call(tasks.longest_history, (place,)))
    return Plan(
        stage=NAME,
        inputs=((FETCH, MOVIES_TABLE),),
        settings={
            "blocks": tasks.BLOCKS,
            "reduced_blocks": SEED_BLOCKS if is_seed else ("text",),
            "n_components": n_components or TEXT_COMPONENTS,
            "random_state": settings.train.random_state,
        },
        extra={} if text_model is None else {"text_model": text_model},
        problems=problems,
    )


def _work(place: Place, planned: Plan, *, settings: Settings) -> Work[Draft]:
    text_model = planned.extra.get("text_model")
    made = yield from make_matrix(place, text_model, settings.features.movies_per_partition)
    reduced, n_components = yield from reduce_rows(
        place,
        parts=[receipt[matrix_part(i)].sha256 for i, receipt in enumerate(made.parts)],
        rows=made.rows,
        columns=made.spans(planned.settings["reduced_blocks"]),
        n_components=planned.settings["n_components"],
        random_state=planned.settings["random_state"],
    )
    summary = {
        "n_movies": sum(made.rows),
        "n_columns": sum(made.n_columns.values()),
        "n_components": n_components,
        "n_partitions": len(made.rows),
    }
    problems = planned.problems
    if not made.rows:
        problems = (
            "The server lists no movies: there is nothing to recommend. Has it a library of films, "
            "and has it been scanned?",
        )
    elif not text_model and not problems:
        problems = ("No movie has a text: there are no text vectors.",)
    return Draft([*made.receipts, *made.parts, *reduced], summary, problems)


@dataclass(frozen=True)
class Made:
    """A household's feature matrix in the store."""

    receipts: tuple[Receipt, ...]  # of what was fitted, and of the columns' names
    parts: tuple[Receipt, ...]  # of each partition
    rows: tuple[int, ...]  # movies of each
    n_columns: Mapping[str, int]  # by block, in the order of the matrix

    def spans(self, blocks: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """Return the ranges of columns of some blocks."""
        edges = [0, *accumulate(self.n_columns.values())]
        spans = zip(self.n_columns, edges, edges[1:], strict=False)
        return tuple((a, b) for name, a, b in spans if name in blocks and b > a)


def make_matrix(place: Place, text_model: str | None, size: int) -> Work[Made]:
    """Fit all blocks on the catalogue and write its matrix, some movies a partition.

    Parameters
    ----------
    text_model
        SHA-256 of the household's model; None: no movie has a text.
    size
        Movies a partition, at most: all have as many, but for one, so that none is waited for.
    """
    n_together = len(tasks.FITTED_TOGETHER)
    fitted = values((yield [Call(tasks.fit, (place, i, text_model)) for i in range(n_together)]))
    n_movies = fitted[0].n_movies
    n_columns = {name: n for one in fitted for name, n in one.n_columns.items()}
    checksums = tuple(one.receipt[blocks_part(i)].sha256 for i, one in enumerate(fitted))
    n_parts = -(-n_movies // size)
    edges = [i * n_movies // n_parts for i in range(n_parts + 1)] if n_parts else []
    bounds = list(pairwise(edges))
    calls = [
        Call(tasks.transform, (place, checksums, i, a, b, text_model), "movies", b - a)
        for i, (a, b) in enumerate(bounds)
    ]
    # Last: as long as Dask does not know how long tasks take, one stands in for another.
    calls.append(Call(tasks.write_columns, (place, checksums)))
    *parts, columns = values((yield calls))
    return Made(
        (*(one.receipt for one in fitted), columns),
        tuple(parts),
        tuple(b - a for a, b in bounds),
        {name: n_columns[name] for name in tasks.BLOCKS},
    )
