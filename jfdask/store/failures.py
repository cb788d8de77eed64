"""What a file system's error means, as a sentence: what happened, to what, what to do."""

from __future__ import annotations

import errno

from jfdask.errors import MissingArtifact, StoreError, StoreTimeout

# By name, so that nobody with a folder has to load botocore.
_NO_KEYS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_SLOW = {"ReadTimeoutError", "ConnectTimeoutError", "FSTimeoutError", "ServerTimeoutError"}
_UNREACHABLE = {"EndpointConnectionError", "ConnectionClosedError", "ProxyConnectionError"}
_UNREACHABLE |= {"ClientConnectorError", "HTTPClientError", "SSLError"}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_CONDITION = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_REFUSED = {"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "412", "409"}


def code_of(error: BaseException) -> str:
    """Return the S3 error code behind an error, or ''."""
    for candidate in (error, error.__cause__):
        response = getattr(candidate, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def is_refused_create(error: BaseException) -> bool:
    """Tell whether an exclusive create failed because the key was there already.

    By server that is FileExistsError, or OSError 22 with code 412; a create that collides with
    another one under way is 409.
    """
    if isinstance(error, FileExistsError):
        return True
    code = code_of(error)
    if code:
        return code in _REFUSED
    return isinstance(error, OSError) and error.errno == errno.EINVAL


def is_unknown_create(error: BaseException) -> bool:
    """Tell whether the store does not know what an exclusive create is."""
    if isinstance(error, (NotImplementedError, TypeError, ValueError)):
        return True
    return code_of(error) in {"NotImplemented", "501"} or (
        isinstance(error, OSError) and error.errno in _NO_CONDITION
    )


def describe(error: BaseException, verb: str, key: str, url: str, seconds: float) -> StoreError:
    """Return the error of ours that says what became of ``verb`` (read, write, …) on ``key``."""
    what = f"Cannot {verb} {key!r} in the store {url}"
    name, number = type(error).__name__, getattr(error, "errno", None)
    if isinstance(error, TimeoutError) or name in _SLOW:
        return StoreTimeout(
            f"{what}: no answer within {seconds:g} s. Look whether the store is up, or raise "
            "store.timeout_seconds."
        )
    if code_of(error) == "NoSuchBucket":
        return StoreError(f"{what}: there is no such bucket. Create it, or mend store.url.")
    if number == errno.ENOLINK:
        return StoreError(f"{what}: {_text(error)}")
    if isinstance(error, FileNotFoundError) and verb in ("write", "create"):
        return StoreError(f"{what}: a folder for it cannot be made. Mend store.url.")
    if isinstance(error, FileNotFoundError):
        return MissingArtifact(
            f"There is no {key!r} in the store {url}. The stage that writes it has not run yet, "
            "or the run was pruned."
        )
    if isinstance(error, PermissionError):
        return StoreError(
            f"{what}: permission denied. Look whether the user that runs jfdask may write there, "
            f"or what the keys allow ({_text(error)})."
        )
    if number in _FULL:
        return StoreError(f"{what}: no space left. Make room, or lower store.keep.")
    if number == errno.EROFS:
        return StoreError(f"{what}: it is read-only. Mount it writable, or set store.url anew.")
    if number in (errno.ENOTDIR, errno.EISDIR):
        return StoreError(
            f"{what}: a file is where a folder should be, or the other way round. Remove it, or "
            "set store.url to a folder of its own."
        )
    if name in _NO_KEYS:
        return StoreError(
            f"{what}: no S3 keys found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name "
            "other variables in store.key_env and store.secret_env."
        )
    if isinstance(error, ConnectionError) or name in _UNREACHABLE:
        return StoreError(
            f"{what}: it cannot be reached ({_text(error)}). Look at store.url and "
            "store.endpoint_url, and whether the service is up."
        )
    return StoreError(f"{what}: {name}: {_text(error)}.")


def _text(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:300].rstrip(".")
