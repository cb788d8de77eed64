"""The lock: a lease on the whole store, renewed while a night works, taken over once expired.

The file ``lock`` names its holder by a random token, and whoever's token stands in it holds
the lock: there is only ever one. An expired lease is taken over under a *claim*, a second file
created exclusively, so that of several who find the lock expired one replaces it; the others
see its new token when their turn comes. A holder whose own lease ran out (a machine that slept)
renews it under a claim, too.

What is left: the clocks of the machines must agree to well within a lease, and a holder that
stalls between ``still_held`` and the very next write may write once after it was taken over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jfdask.errors import DamagedArtifact, LockHeld, MissingArtifact, StoreError
from jfdask.store.documents import encode_json, read_json
from jfdask.store.filesystem import Store
from jfdask.store.keys import LOCK, LOCK_CLAIM

_log = logging.getLogger(__name__)
_TRIES = 5  # each fails only because somebody else is at the lock in that moment
_PAUSE_SECONDS = 0.2

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lease:
    """What stands in the lock."""

    owner: str  # what holds it, for people
    host: str
    pid: int
    token: str  # random: the holder's proof
    since: str  # ISO 8601, UTC
    expires: str  # ISO 8601, UTC

    def has_expired(self, now: datetime) -> bool:
        """Tell whether it may be taken over."""
        return datetime.fromisoformat(self.expires) <= now


class Lock:
    """The lock, held; ``hold_lock`` makes it."""

    def __init__(self, store: Store, owner: str, seconds: float, now: Clock) -> None:
        self._store = store
        self._seconds = seconds
        self._now = now
        self._is_exclusive = not store.address.single_writer or store.creates_exclusively()
        since = now().isoformat()
        token = secrets.token_hex(16)
        self._lease = Lease(owner, socket.gethostname(), os.getpid(), token, since, since)
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._renewing = threading.Lock()
        self._beat = threading.Thread(target=self._keep_renewing, name="lock", daemon=True)

    @property
    def token(self) -> str:
        """What proves that it is ours."""
        return self._lease.token

    def still_held(self) -> bool:
        """Look into the store whether it is still ours; one read.

        To be asked right before anything that only the holder may do. One that has expired, as
        the machine slept, and that nobody took, is renewed: then it is ours.
        """
        lease = _read(self._store, LOCK)
        if lease is None or lease.token != self.token:
            return False
        return not self._is_past(lease) or self.renew()

    @property
    def is_lost(self) -> bool:
        """Whether a renewal has found it another's; it costs nothing to look.

        To be asked often: a night that was suspended, and taken over, is to stop soon.
        """
        return self._lost.is_set()

    def loss(self, run_id: str) -> StoreError:
        """Return why a run that lost it is not published."""
        lease = _read(self._store, LOCK)
        if lease is None:
            return StoreError(
                f"The lock is gone from the store {self._store.url}: was the store unmounted or "
                f"emptied while run {run_id} worked in it, or was this machine asleep for a whole "
                "night of another one? Its results are not published. Bring the store back and "
                "run again."
            )
        return LockHeld(
            f"Run {run_id} lost the lock to another night ({lease.owner} on {lease.host}, process "
            f"{lease.pid}) while it worked (was this machine asleep?). Its results are not "
            "published."
        )

    def acquire(self) -> None:
        """Take the lock; LockHeld if it is another's."""
        for _ in range(_TRIES):
            if self._create(LOCK, self._renewed()):
                return
            found = _read(self._store, LOCK)
            if found is None:
                continue  # released a moment ago
            if found.token == self.token:
                return  # the first answer was lost, the second said that it exists
            if not self._is_past(found):
                raise _held(self._store, found)
            if self._under_claim(found, lambda: self._write(self._renewed())):
                _log.warning(
                    "Took over the lock of %s on %s (process %d), expired since %s: that night "
                    "was killed or lost its network.",
                    found.owner,
                    found.host,
                    found.pid,
                    found.expires,
                )
                return
            self._stop.wait(_PAUSE_SECONDS)
        raise LockHeld(
            f"Others are taking the lock of the store {self._store.url} at this moment. Try again "
            "in a minute."
        )

    def start(self) -> None:
        """Begin to renew it, from a thread of its own."""
        self._beat.start()

    def release(self) -> None:
        """Stop renewing; remove the lock if it is ours."""
        self._stop.set()
        if self._beat.is_alive():
            self._beat.join(self._store.address.timeout_seconds)
        found = _read(self._store, LOCK)
        if found is None or found.token != self.token:
            return
        if self._is_past(found):
            self._under_claim(found, lambda: self._store.delete(LOCK))
        else:
            self._store.delete(LOCK)

    def renew(self) -> bool:
        """Make it last for another lease; False if it is no longer ours."""
        with self._renewing:  # the claim tells machines apart, not our own threads
            return self._renew()

    def _renew(self) -> bool:
        for _ in range(_TRIES):
            found = _read(self._store, LOCK)
            if found is None or found.token != self.token:
                return False
            left = datetime.fromisoformat(found.expires) - self._now()
            if left > timedelta(seconds=self._seconds / 4):
                self._write(self._renewed())
                return True
            # So late that somebody may be about to take over: one at a time.
            if self._under_claim(found, lambda: self._write(self._renewed())):
                return True
            self._stop.wait(_PAUSE_SECONDS)
        raise StoreError(f"Others are at the lock of the store {self._store.url}.")

    def _keep_renewing(self) -> None:
        pause = self._seconds / 3
        while not self._stop.wait(pause):
            try:
                if not self.renew():
                    _log.error("The lock of %s was lost to another night.", self._store.url)
                    self._lost.set()
                    return
                pause = self._seconds / 3
            except StoreError as error:
                _log.warning("The lock could not be renewed, trying again: %s", error)
                pause = self._seconds / 12

    def _renewed(self) -> Lease:
        expires = self._now() + timedelta(seconds=self._seconds)
        self._lease = replace(self._lease, expires=expires.isoformat())
        return self._lease

    def _write(self, lease: Lease) -> None:
        self._store.write(LOCK, encode_json(asdict(lease)))

    def _create(self, key: str, lease: Lease) -> bool:
        data = encode_json(asdict(lease))
        if not self._is_exclusive:
            if _read(self._store, key) is not None:
                return False
            self._store.write(key, data)
            return True
        try:
            self._store.create(key, data)
        except FileExistsError:
            return False
        return True

    def _under_claim(self, lease: Lease, act: Callable[[], None]) -> bool:
        """Do something to a lock that shows this lease, alone; False if others are at it.

        One that was renewed meanwhile shows another.
        """
        if not self._create(LOCK_CLAIM, self._renewed()):
            claim = _read(self._store, LOCK_CLAIM)
            if claim is None:
                return False  # its maker was quick
            if claim.token != self.token:
                if self._is_past(claim):
                    # Its maker died within these few lines; the next try may claim.
                    self._store.delete(LOCK_CLAIM)
                return False
        try:
            if _read(self._store, LOCK) != lease:
                return False
            act()
            return True
        finally:
            self._store.delete(LOCK_CLAIM)

    def _is_past(self, lease: Lease) -> bool:
        return lease.has_expired(self._now())


@contextlib.contextmanager
def hold_lock(store: Store, owner: str, seconds: float, now: Clock = utc_now) -> Iterator[Lock]:
    """Hold the store's lock while the block runs.

    Parameters
    ----------
    owner
        What holds it, as others are told: the command and its run.
    seconds
        The lease: a lock not renewed for so long is taken over. It is renewed every third.
    now
        The clock.

    Raises
    ------
    LockHeld
        Another night holds it: says who, where, since when and until when.
    StoreError
        The store cannot create exclusively and ``store.single_writer`` is not set.
    """
    store.require_exclusive()
    lock = Lock(store, owner, seconds, now)
    try:
        lock.acquire()
        lock.start()
        yield lock
    finally:
        try:
            lock.release()
        except StoreError as error:
            # It expires by itself; what the block raised matters more.
            _log.warning("The lock could not be released: %s", error)


def lock_owner(store: Store, now: Clock = utc_now) -> str | None:
    """Return what holds the store's lock, in its own words; None: nothing does."""
    lease = _read(store, LOCK)
    return None if lease is None or lease.has_expired(now()) else lease.owner


def _read(store: Store, key: str) -> Lease | None:
    """Return the lease in a file; None if there is no file."""
    try:
        document: Any = read_json(store, key)
    except MissingArtifact:
        return None
    except DamagedArtifact:
        document = None
    try:
        lease = Lease(**document)
        datetime.fromisoformat(lease.expires)
    except (TypeError, ValueError):
        # Nobody's: a folder without hard links, and its writer died between name and content.
        past = datetime.min.replace(tzinfo=UTC).isoformat()
        return Lease("an unreadable lock", "unknown host", 0, "", past, past)
    return lease


def _held(store: Store, lease: Lease) -> LockHeld:
    def clock(text: str) -> str:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"

    return LockHeld(
        f"Another night holds the lock of the store {store.url}: {lease.owner} on {lease.host} "
        f"(process {lease.pid}), since {clock(lease.since)}, leased until "
        f"{clock(lease.expires)}. Wait until it has ended; if it was killed, the lock is free "
        "after that."
    )
