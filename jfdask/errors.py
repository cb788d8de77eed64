"""Every exception that jfdask raises on purpose, drawn as a tree.

    JfdaskError
    ├── SettingsError            exit code 2
    ├── JellyfinError
    │   ├── ServerUnreachable
    │   │   ├── BadGateway
    │   │   └── BrokenOff
    │   ├── ServerStarting
    │   ├── UnsupportedVersion
    │   ├── Unauthorized
    │   ├── Forbidden
    │   ├── NotFound
    │   ├── UnexpectedAnswer
    │   ├── TooManyRequests
    │   └── ServerFault
    ├── StoreError
    │   ├── MissingArtifact
    │   ├── DamagedArtifact
    │   ├── NewerArtifact
    │   ├── UntrustedModel
    │   ├── StoreTimeout
    │   └── LockHeld             exit code 75
    ├── ClusterError
    └── DataError
        ├── TableError
        ├── LibraryShrunk
        ├── NotEnoughPlays
        ├── StaleModel
        ├── TextModelError
        └── DumpError

A message says what happened, to which object, and what to do. Every class takes
just that message, so that all of them survive the way back from a worker.
"""

from __future__ import annotations


class JfdaskError(Exception):
    """Anything that jfdask reports instead of a traceback."""

    exit_code = 1


class SettingsError(JfdaskError):
    """A setting, an option or a grid that cannot be used."""

    exit_code = 2


class JellyfinError(JfdaskError):
    """A Jellyfin server did not give what was asked of it."""


class ServerUnreachable(JellyfinError):
    """No answer: refused, timed out, broken off, or no such host."""


class BadGateway(ServerUnreachable):
    """502, 504 and the like: a proxy has no answer of Jellyfin's, to this request or to any."""


class BrokenOff(ServerUnreachable):
    """An answer that was cut off on its way."""


class ServerStarting(JellyfinError):
    """The server answered that it is starting, for longer than we wait."""


class UnsupportedVersion(JellyfinError):
    """The server is not Jellyfin, or older than 10.11."""


class Unauthorized(JellyfinError):
    """401: the key is missing, wrong or revoked."""


class Forbidden(JellyfinError):
    """403: the key is good, but it may not do this."""


class NotFound(JellyfinError):
    """404: the address, the user or the item is not there."""


class UnexpectedAnswer(JellyfinError):
    """An answer that is no Jellyfin answer (a proxy's page), or not to this question."""


class TooManyRequests(JellyfinError):
    """429, again and again, or for longer than we wait."""


class ServerFault(JellyfinError):
    """500 and its like, again and again."""


class StoreError(JfdaskError):
    """The object store did not do what was asked of it."""


class MissingArtifact(StoreError):
    """Something that a stage needs is not in the store."""


class DamagedArtifact(StoreError):
    """What lies in the store is not what its manifest says."""


class NewerArtifact(StoreError):
    """What lies in the store was written by a newer jfdask."""


class UntrustedModel(StoreError):
    """A model file holds types that jfdask never writes."""


class StoreTimeout(StoreError):
    """The store did not answer before the deadline."""


class LockHeld(StoreError):
    """Another night holds the lock."""

    exit_code = 75


class ClusterError(JfdaskError):
    """The Dask cluster cannot be reached or used."""


class DataError(JfdaskError):
    """The data read cannot be worked with."""


class TableError(DataError):
    """A table at a door has other columns, types or keys than it should."""


class LibraryShrunk(DataError):
    """Much of a library is missing since last night: nothing is learned from that."""


class NotEnoughPlays(DataError):
    """A person has too few plays or favourites for a model of her own."""


class StaleModel(DataError):
    """A model of an earlier night does not fit tonight's library, or pool, any more."""


class TextModelError(DataError):
    """The FastText model cannot be trained, read or trusted."""


class DumpError(DataError):
    """A dump of public ratings cannot be read, or is of no use to any household."""
