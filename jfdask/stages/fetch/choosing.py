"""Whom of a server's people the settings want."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jfdask.errors import SettingsError
from jfdask.jellyfin.reading import User
from jfdask.settings import Household


def chosen_people(users: Sequence[User], household: Household) -> list[User]:
    """Return whom the settings want, disabled people never, sorted by id; at least one.

    Whom they name in vain is told by `missing_people`.

    Raises
    ------
    SettingsError
        Nobody is left, or the settings exclude somebody whom the server does not know.
    """
    gone = [n for n in household.exclude_users if not _named(users, n) and not _is_id(n)]
    if gone:
        raise SettingsError(
            f"The server knows no user {gone[0]!r}, so nobody is left out under that name; it "
            f"knows: {_everybody(users)}. Mend households.exclude_users."
        )
    named = {user.user_id for n in household.users for user in _named(users, n)}
    wanted = named if household.users else {user.user_id for user in users}
    unwanted = {user.user_id for n in household.exclude_users for user in _named(users, n)}
    people = [
        user
        for user in sorted(users, key=lambda user: user.user_id)
        if not user.is_disabled and user.user_id in wanted - unwanted
    ]
    if not people:
        raise SettingsError(_why_nobody(users, household))
    return people


def missing_people(users: Sequence[User], household: Household) -> list[str]:
    """Return a sentence for everybody whom the settings name in vain: unknown, or disabled.

    Examples
    --------
    >>> bob = User("1" * 32, "Bob", True, True)
    >>> home = Household(name="home", url="http://server", users=("bob", "al"))
    >>> for sentence in missing_people([bob], home):
    ...     print(sentence)
    User 'Bob' is disabled on the server and is left out: enable or remove from households.users.
    The server knows no user 'al'; it knows: Bob. Mend households.users.
    """
    there = _everybody(users)
    sentences = []
    for name in dict.fromkeys(household.users):
        found = _named(users, name)
        if not found:
            sentences.append(
                f"The server knows no user {name!r}; it knows: {there}. Mend households.users."
            )
        sentences += [
            f"User {user.name!r} is disabled on the server and is left out: enable or remove from "
            "households.users."
            for user in found
            if user.is_disabled
        ]
    return sentences


def widest(users: Sequence[User], counts: Mapping[str, int]) -> User:
    """Return the user, of one or more, through whose eyes most can be seen.

    Parameters
    ----------
    counts
        User id → movies that she may see; who is not in it comes last of those with limits.
    """
    return min(users, key=lambda u: (not u.sees_everything, -counts.get(u.user_id, 0), u.user_id))


def _everybody(users: Sequence[User]) -> str:
    return ", ".join(sorted(user.name for user in users)) or "nobody"


def _named(users: Sequence[User], name: str) -> list[User]:
    """Return whom a name or id means: spelled like that, else all who are but for the case."""
    same = [user for user in users if name in (user.user_id, user.name)]
    folded = name.casefold()
    return same or [u for u in users if folded in (u.user_id, u.name.casefold())]


def _is_id(name: str) -> bool:
    """Tell an id from a name: somebody who was excluded by id may have been deleted since."""
    return re.fullmatch(r"[0-9a-fA-F]{32}", name) is not None


def _why_nobody(users: Sequence[User], household: Household) -> str:
    if not users:
        return "The server has no users: finish its set-up in a browser first."
    if not household.users:
        return (
            "Nobody is there to recommend to: everybody is disabled on the server or in "
            "households.exclude_users. Enable somebody, or exclude fewer."
        )
    why = missing_people(users, household) or ["All of them are in households.exclude_users, too."]
    return " ".join(["Nobody of households.users is left.", *why])
