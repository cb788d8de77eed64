"""What a household holds: users, libraries, items and plays, as plain records.

A movie, a collection (``BoxSet``), a playlist and a folder are all an ``Item``, as they are in
Jellyfin: they are listed by one route and edited by another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
TICKS_PER_SECOND = 10_000_000

#: The age score of a certificate; a user with MaxParentalRating 10 may see PG.
AGE_SCORES = {
    "Approved": 0, "G": 0, "TV-G": 0, "PG": 10, "TV-PG": 10, "PG-13": 13, "TV-14": 14,
    "GB-15": 15, "FSK-16": 16, "R": 17, "TV-MA": 17, "NC-17": 18,
}  # fmt: skip


def stable_id(*parts: object) -> str:
    """Return 32 hex digits that depend on the parts alone, as Jellyfin's ids do on a path.

    >>> stable_id("Movie", "Alien", 1979) == stable_id("Movie", "Alien", 1979)
    True
    """
    text = "\x1f".join(str(p) for p in parts)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def lowest_certificate(items: Iterable[Item]) -> str | None:
    """Return the certificate for the youngest, which collections and playlists bear."""
    rated = [i.certificate for i in items if i.certificate]
    return min(rated, key=lambda c: AGE_SCORES.get(c, 0), default=None)


def sort_name(name: str) -> str:
    """Return what Jellyfin sorts by: no article, lower case, numbers filled up to ten digits.

    >>> sort_name("The Matrix 2")
    'matrix 0000000002'
    """
    text = re.sub(r"^(the|a|an) ", "", name.lower().strip())
    text = re.sub(r"[,&\-{}']+", " ", text)
    text = re.sub(r"\d+", lambda m: m.group().rjust(10, "0"), text)
    return " ".join(text.split())


@dataclass(frozen=True)
class Credit:
    """Somebody's part in a movie."""

    name: str
    type: str  # Actor, Director, Writer, Producer, …
    role: str = ""


@dataclass
class Item:
    """Anything that has an id and can be listed."""

    item_id: str
    type: str  # Movie, BoxSet, Playlist, Folder, Series, …
    name: str
    created: datetime = EPOCH
    saved: datetime = EPOCH  # last change of the metadata
    folder_id: str = ""  # the library it lies in
    original_title: str | None = None
    overview: str | None = None
    forced_sort_name: str | None = None
    taglines: list[str] = field(default_factory=list)
    genres: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    studios: list[str] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    provider_ids: dict[str, str] = field(default_factory=dict)
    premiere: datetime | None = None
    year: int | None = None
    certificate: str | None = None
    community_rating: float | None = None
    critic_rating: float | None = None
    runtime_ticks: int | None = None
    path: str = ""
    members: list[str] = field(default_factory=list)  # of a BoxSet or a Playlist, in order
    owner_id: str | None = None  # of a Playlist
    is_public: bool = True
    image: bytes | None = None  # its cover, PNG
    raw: dict[str, Any] = field(default_factory=dict)  # keys of the answer to spoil; None removes

    @property
    def sort_key(self) -> str:
        """The name that listings are sorted by."""
        return sort_name(self.forced_sort_name or self.name)

    @property
    def etag(self) -> str:
        """32 hex digits that change with the metadata, and with nothing else."""
        return stable_id("etag", self.item_id, self.saved.isoformat(), self.name)


@dataclass
class Play:
    """What one user has to do with one item."""

    played: bool = False
    play_count: int = 0
    is_favorite: bool = False
    rating: float | None = None  # 0 to 10; Likes is: 6.5 or more
    position_ticks: int = 0
    last_played: datetime | None = None


@dataclass
class User:
    """Somebody with an account."""

    user_id: str
    name: str
    is_admin: bool = False
    is_disabled: bool = False
    is_hidden: bool = True
    max_age_score: int | None = None  # MaxParentalRating
    blocks_unrated: bool = False
    folder_ids: tuple[str, ...] | None = None  # None: all libraries
    blocked_tags: tuple[str, ...] = ()
    last_login: datetime | None = None
    last_activity: datetime | None = None


@dataclass(frozen=True)
class Folder:
    """A library."""

    folder_id: str
    name: str
    kind: str  # movies, tvshows, boxsets
    path: str
    root_name: str  # how its directory shows among the root folders


@dataclass(frozen=True)
class Taste:
    """The liking that was planted in a user's history."""

    liked_genre: str
    disliked_genre: str
    loved_people: tuple[str, ...]  # directors and actors
    rating_weight: float = 0.35  # per point of CommunityRating

    def score(self, item: Item) -> float:
        """Return how much this user likes a movie; 0 is indifferent, above 1 is liked."""
        people = {c.name for c in item.credits if c.type in ("Actor", "Director")}
        score = 1.6 * (self.liked_genre in item.genres)
        score -= 1.6 * (self.disliked_genre in item.genres)
        score += 1.2 * min(2, len(people.intersection(self.loved_people)))
        if item.community_rating is not None:
            score += self.rating_weight * (item.community_rating - 7.0)
        return score


@dataclass
class DemoHousehold:
    """Everything that a server holds. A server that is given one changes it."""

    server_id: str
    users: list[User]
    folders: list[Folder]
    items: dict[str, Item]
    plays: dict[str, dict[str, Play]] = field(default_factory=dict)  # user id -> item id
    tastes: dict[str, Taste] = field(default_factory=dict)  # user id
    tokens: dict[str, str] = field(default_factory=dict, repr=False)  # a user's token -> id
    server_name: str = "jellyfin"
    n_rows_unshown: int = 0  # rows that 12 counts when a type is unknown, and leaves out
    revision: int = 0  # goes up with every change of items or users

    def touch(self) -> None:
        """Say that items or users have changed."""
        self.revision += 1

    def add(self, items: Iterable[Item]) -> None:
        """Put items in, or in the place of those with their ids."""
        self.items.update({item.item_id: item for item in items})
        self.touch()

    def of_type(self, *types: str) -> Iterator[Item]:
        """Give the items of these types, in no particular order."""
        return (item for item in self.items.values() if item.type in types)

    @property
    def movies(self) -> list[Item]:
        """All movies, by id."""
        return sorted(self.of_type("Movie"), key=lambda m: m.item_id)

    def user(self, name_or_id: str) -> User:
        """Return the user of that name or id; KeyError if there is none."""
        for user in self.users:
            if name_or_id in (user.user_id, user.name):
                return user
        raise KeyError(f"no user {name_or_id!r} in this household")

    def play(self, user_id: str, item_id: str) -> Play:
        """Return what a user has to do with an item; nothing, if that is not known."""
        return self.plays.get(user_id, {}).get(item_id) or Play()

    def may_see(self, user: User, item: Item) -> bool:
        """Tell if a user may see an item: library, parental limit, blocked tags, owner."""
        if item.type == "Playlist":
            return item.is_public or item.owner_id == user.user_id
        if item.type == "BoxSet":
            return any(self.may_see(user, self.items[m]) for m in item.members if m in self.items)
        if user.folder_ids is not None and item.folder_id not in user.folder_ids:
            return False
        if set(user.blocked_tags).intersection(item.tags):
            return False
        if item.certificate is None:
            return not user.blocks_unrated
        score = AGE_SCORES.get(item.certificate, 0)
        return user.max_age_score is None or score <= user.max_age_score

    def planted_taste(self, name_or_id: str) -> Taste:
        """Return the liking planted in a user's history; KeyError for one without."""
        return self.tastes[self.user(name_or_id).user_id]

    def unplayed(self, name_or_id: str) -> list[Item]:
        """Return what a user may see and has not begun, the best liked first, ties by id."""
        user = self.user(name_or_id)
        taste = self.planted_taste(user.user_id)
        fresh = [
            m for m in self.movies
            if self.may_see(user, m)
            and not (p := self.play(user.user_id, m.item_id)).played
            and not p.position_ticks
        ]  # fmt: skip
        return sorted(fresh, key=lambda m: (-taste.score(m), m.item_id))
