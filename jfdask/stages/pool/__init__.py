"""Stage pool: what all people of all households teach together, for everybody.

The prior of `jfdask pretrain` is used if it was learned from at least as many people as there are;
else, with 20 people or more, a pool of them; else everybody is learned of alone. A household's unit
says which pool it has; the pool itself lies beside the runs, as all households have the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from jfdask.errors import JfdaskError
from jfdask.model.crowd import FEWEST, N_GROUPS, group_of
from jfdask.model.pooled import PooledModel
from jfdask.stages.files import POOL
from jfdask.stages.places import Place
from jfdask.stages.pool import tasks
from jfdask.stages.pool.making import Making, remove_unfinished
from jfdask.stages.pool.search import searched
from jfdask.stages.pool.tasks import Headcount
from jfdask.stages.pools import POOLS, PRIOR, FoundPool, find_pool, prune_pools
from jfdask.stages.unit_tasks import Draft, Plan, UnitReport
from jfdask.stages.units import Night, run_units
from jfdask.stages.window import Call, Work, answer_to, values
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import Store, sha256_of
from jfdask.store.keys import MANIFEST, join, run_key
from jfdask.store.runs import run_ids
from jfdask.version import code_version

NAME = POOL
_IN_FLIGHT = 64
#: Share of all plays, or films, that may have come, gone or changed while a pool stays as it is.
LARGEST_NEWS = 0.05
#: Not by the number of workers: the trees depend on the order of the rows.
PEOPLE_A_FILE = 8


@dataclass(frozen=True)
class Choice:
    """Which pool a night uses."""

    prefix: str | None  # None: none
    sha256: str = ""  # of its manifest
    outside: bool = False  # nobody of ours is in it


def run(night: Night, featurized: Mapping[str, UnitReport]) -> dict[str, UnitReport]:
    """Have a pool, and tell every household which."""
    choice, problem = _choose(night, [n for n, r in featurized.items() if r.status != "failed"])
    return run_units(
        night,
        NAME,
        featurized,
        plan=partial(_plan, choice=choice, problem=problem),
        work=partial(_work, choice=choice, problem=problem),
        in_flight=_IN_FLIGHT,
    )


def _plan(place: Place, *, choice: Choice, problem: str | None) -> Work[Plan]:  # noqa: ARG001
    yield from ()
    # Else a night that had no pool, and wanted none, would be taken for one like this.
    return Plan(NAME, (), {**asdict(choice), "problem": problem})


def _work(place: Place, _: Plan, *, choice: Choice, problem: str | None) -> Work[Draft]:
    receipt = yield from answer_to(Call(tasks.write_choice, (place, asdict(choice))))
    return Draft([receipt], {"pool": choice.prefix}, (problem,) if problem else ())


def _choose(night: Night, households: Sequence[str]) -> tuple[Choice, str | None]:
    """Return the pool of tonight: the prior, an earlier one, a new one, or none; and a problem."""
    settings = night.settings.train
    if settings.method != "affinity" or not settings.pool:
        return Choice(None), None
    counted = night.drive(
        {name: answer_to(Call(tasks.count_people, (night.place(name),))) for name in households}, 1
    )
    counts = {n: c for n, c in counted.items() if isinstance(c, Headcount)}
    problems = [f"{n}: not in the pool tonight: {c}" for n, c in counted.items() if n not in counts]
    n_people = sum(count.n_people for count in counts.values())
    prior = _whole(night, find_pool(night.store, PRIOR))
    choice = Choice(None)
    if prior is None and night.store.exists(join(PRIOR, MANIFEST)):
        problems.append(
            "The prior cannot be used: it is damaged, or of another version of jfdask; the log "
            "tells more. Run jfdask pretrain again."
        )
    if prior is not None and prior.n_people >= n_people:
        choice = Choice(PRIOR, prior.sha256, outside=True)
    elif n_people >= FEWEST:
        outcome = _of_our_own(night, counts)
        if isinstance(outcome, JfdaskError):
            problems.append(f"Nothing was learned of all people together tonight: {outcome}")
        else:
            choice = outcome
            if _search_failed(find_pool(night.store, str(choice.prefix))):
                problems.append(
                    "The search for settings of the pool's trees failed, see the workers' log: "
                    "the usual ones stay."
                )
    return choice, " ".join(problems) or None


def _whole(night: Night, found: FoundPool | None) -> FoundPool | None:
    """Return a pool if all of it can be read: a worker tries, which needs it anyway."""
    if found is None:
        return None
    trying = answer_to(Call(tasks.read_whole, (found, night.store.address)))
    # Where the trial itself fails, whoever needs the pool will tell.
    return None if night.drive({found.prefix: trying}, 1)[found.prefix] is False else found


def _search_failed(pool: FoundPool | None) -> bool:
    return pool is not None and bool(pool.summary.get("search", {}).get("failed"))


def _of_our_own(night: Night, counts: Mapping[str, Headcount]) -> Choice | JfdaskError:
    people = {name: counts[name].to_dict() for name in sorted(counts)}
    settings = {
        **night.settings.train.model_dump(include={"random_state", "pool_candidates"}),
        "code": code_version(),
    }
    earlier = _whole(night, _earlier(night))
    if (
        earlier is not None
        and not _search_failed(earlier)
        and is_fresh(earlier.summary, settings, people)
    ):
        return Choice(earlier.prefix, earlier.sha256)
    digests = {name: count.digest for name, count in counts.items()}
    made_of = sha256_of(encode_json({"settings": settings, "people": digests}))
    prefix = join(POOLS, made_of[:16])
    if _whole(night, there := find_pool(night.store, prefix)) is None and there is not None:
        night.store.delete(join(prefix, MANIFEST))  # damaged: it is made again, in its place
    places = tuple(night.place(name) for name in people)
    n_people = sum(count.n_people for count in counts.values())
    summary = {"settings": settings, "people": people, "n_trained": n_people}
    learning = {"all households": _learn(night, places, prefix, summary)}
    [outcome] = night.drive(learning, _IN_FLIGHT).values()
    return outcome if isinstance(outcome, JfdaskError) else Choice(prefix, outcome)


def _earlier(night: Night) -> FoundPool | None:
    """Return the pool of our own people that the run before used."""
    if night.previous is None:
        return None
    for household in night.settings.households:
        place = replace(night.place(household.name), run_id=night.previous)
        prefix = tasks.chosen_before(place)
        if prefix is not None and prefix != PRIOR:
            return find_pool(night.store, prefix)
    return None


def prune(store: Store) -> None:
    """Delete pools that no run in the store has used, and what is left of unfinished ones."""
    used: set[str] = set()
    for run_id in run_ids(store):
        households = [n for n in store.children(run_key(run_id, NAME)) if n != MANIFEST]
        places = [Place(store.address, run_id, name) for name in households]
        used |= {prefix for prefix in store.together(tasks.chosen_before, places) if prefix}
    prune_pools(store, used)
    remove_unfinished(store)


def is_fresh(
    summary: Mapping[str, Any],
    settings: Mapping[str, Any],
    people: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Tell whether a pool may stay for tonight: the same people, and few other plays and films.

    Parameters
    ----------
    summary
        The pool's.
    settings, people
        Tonight's, as they would stand in a summary.
    """
    before = summary.get("people", {})
    if summary.get("settings") != settings or before.keys() != people.keys():
        return False
    if any(before[name]["who"] != people[name]["who"] for name in people):
        return False

    def changed(what: str) -> int:
        return sum(abs(before[name][what] - people[name][what]) for name in people)

    def share(n_changed: int, of: str) -> float:
        return n_changed / max(sum(one[of] for one in before.values()), 1)

    news = share(changed("n_plays") + changed("n_liked"), "n_plays")
    return max(news, share(changed("n_films"), "n_films")) <= LARGEST_NEWS


def _learn(
    night: Night, places: tuple[Place, ...], prefix: str, summary: Mapping[str, Any]
) -> Work[str]:
    """Make a pool; return its manifest's checksum. What a broken off night made of it is used."""
    found = find_pool(night.store, prefix)
    if found is not None:
        return found.sha256
    seed = night.settings.train.random_state
    making = Making(night.store.address, prefix)
    yield from answer_to(Call(tasks.make_crowds, (making, places)))
    people = values((yield [Call(tasks.who_teaches, (place,)) for place in places]))
    calls = [
        Call(tasks.make_rows, (making, place, some, seed), "people", len(some))
        for place, user_ids in zip(places, people, strict=True)
        for some in _files(user_ids)
    ]
    names = sorted(name for some in values((yield calls)) for name in some)
    searching = yield from searched(night, making, names)
    chosen: dict[str, Any] | None = searching["search"]["chosen"] if searching else None
    unfitted = PooledModel(chosen or None, random_state=seed)
    fits = [Call(tasks.fit_played, (making, names, unfitted), "models")]
    groups = (None, *range(N_GROUPS))
    fits += [
        Call(tasks.fit_favorite, (making, names, unfitted, group), "models") for group in groups
    ]
    values((yield fits))
    sha256 = yield from answer_to(Call(tasks.publish, (making, {**summary, **searching})))
    return str(sha256)


def _files(user_ids: Sequence[str]) -> list[Sequence[str]]:
    """Return the people of each file: of one group, whose crowds are read once for them."""
    groups = [[u for u in user_ids if group_of(u, N_GROUPS) == g] for g in range(N_GROUPS)]
    return [
        some[i : i + PEOPLE_A_FILE] for some in groups for i in range(0, len(some), PEOPLE_A_FILE)
    ]
