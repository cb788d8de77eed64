"""Whom of a server's people the settings want."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jfdask.errors import JellyfinError, SettingsError
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
    known = _by_name(users)
    gone = [n for n in household.exclude_users if n.casefold() not in known and not _is_id(n)]
    if gone:
        raise SettingsError(
            f"Household {household.name!r}: the server knows no user {gone[0]!r}, so nobody is "
            "left out under that name. Mend households.exclude_users."
        )
    named = {known[n.casefold()].user_id for n in household.users if n.casefold() in known}
    wanted = named if household.users else {user.user_id for user in users}
    unwanted = {
        known[n.casefold()].user_id for n in household.exclude_users if n.casefold() in known
    }
    people = [
        user
        for user in sorted(users, key=lambda user: user.user_id)
        if not user.is_disabled and user.user_id in wanted - unwanted
    ]
    if not people:
        raise SettingsError(f"Household {household.name!r}: {_why_nobody(users, household)}")
    return people


def missing_people(users: Sequence[User], household: Household) -> list[str]:
    """Return a sentence for everybody whom the settings name in vain: unknown, or disabled.

    Examples
    --------
    >>> bob = User("1" * 32, "Bob", True, False, True)
    >>> home = Household(name="home", url="http://server", users=("bob", "al"))
    >>> for sentence in missing_people([bob], home):
    ...     print(sentence)
    User 'Bob' is disabled on the server and is left out: enable or remove from households.users.
    The server knows no user 'al'; it knows: Bob. Mend households.users.
    """
    known = _by_name(users)
    there = ", ".join(sorted(user.name for user in users)) or "nobody"
    sentences = []
    for name in dict.fromkeys(household.users):
        user = known.get(name.casefold())
        if user is None:
            sentences.append(
                f"The server knows no user {name!r}; it knows: {there}. Mend households.users."
            )
        elif user.is_disabled:
            sentences.append(
                f"User {user.name!r} is disabled on the server and is left out: enable or remove "
                "from households.users."
            )
    return sentences


def widest(users: Sequence[User]) -> User:
    """Return the user through whose eyes most can be seen: whom nothing is hidden from."""
    if not users:
        raise JellyfinError("The server has no users: finish its set-up first.")
    return min(users, key=lambda u: (not u.sees_everything, u.is_disabled, u.user_id))


def _by_name(users: Sequence[User]) -> dict[str, User]:
    return {name: user for user in users for name in (user.user_id, user.name.casefold())}


def _is_id(name: str) -> bool:
    """Tell an id from a name: somebody who was excluded by id may have been deleted since."""
    return re.fullmatch(r"[0-9a-f]{32}", name) is not None


def _why_nobody(users: Sequence[User], household: Household) -> str:
    if not users:
        return "the server has no users: finish its set-up in a browser first."
    if not household.users:
        return (
            "nobody is there to recommend to: everybody is disabled on the server or in "
            "households.exclude_users. Enable somebody, or exclude fewer."
        )
    why = missing_people(users, household) or ["All of them are in households.exclude_users, too."]
    return " ".join(["nobody of households.users is left.", *why])
