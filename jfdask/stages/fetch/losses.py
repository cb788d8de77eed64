"""Which of the broken things are told to people, and in which words.

A field that could not be used is left out and shows in the unit's summary only. What is told is
what somebody would look for and not find: a whole movie, its people, a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import or_

NOT_GIVEN = "movie that the server cannot give"
PEOPLE_NOT_GIVEN = "movie whose people the server cannot give"

#: Reasons of `jfdask.jellyfin` and of ours that cost more than a field → what is lost.
_LOST = {
    "item that is not an object": "movies",
    "item with a malformed Id": "movies",
    "item without an Id": "movies",
    "item without a Type": "movies",
    "item without UserData": "movies",
    "UserData of another item": "movies",
    NOT_GIVEN: "movies",
    PEOPLE_NOT_GIVEN: "people",
    "user without an Id": "users",
}
_SENTENCES = {
    "users": "{n} of the users left out: {why}.",
    "movies": "{n} of the movies left out: {why}.",
    "people": "The people of {n} of the movies could not be read: {why}.",
}


def told_losses(
    users: Counter[str],
    lists: Sequence[Counter[str]],
    movies: Counter[str],
    people: Counter[str],
) -> list[str]:
    """Return a sentence for each kind of loss that matters.

    Parameters
    ----------
    users, movies, people
        What was broken (reason → count) among the users, the movies read by id, the people of
        movies read by id.
    lists
        Likewise in each list of movies. All lists tell of the same movies, so of a reason the
        list counts that has it most often.

    Examples
    --------
    >>> broken = Counter({"item without an Id": 2, "CommunityRating is not a number": 9})
    >>> told_losses(Counter(), [broken, broken], Counter(), Counter())
    ['2 of the movies left out: item without an Id (2).']
    """
    counts = reduce(or_, [*lists, movies], Counter[str]()) + users
    # Who made a movie is all that is lost of an item in an answer about people.
    counts[PEOPLE_NOT_GIVEN] = sum(n for reason, n in people.items() if reason in _LOST)
    sentences = []
    for kind, sentence in _SENTENCES.items():
        lost = {r: n for r, n in sorted(counts.items()) if n and _LOST.get(r) == kind}
        if lost:
            why = ", ".join(f"{reason} ({n})" for reason, n in lost.items())
            sentences.append(sentence.format(n=sum(lost.values()), why=why))
    return sentences
