import errno

import pytest

from jfdask.errors import MissingArtifact, StoreError, StoreTimeout
from jfdask.store.failures import code_of, describe, is_refused_create, is_unknown_create


class ClientError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


def caused(error: Exception, code: str) -> Exception:
    error.__cause__ = ClientError(code)
    return error


@pytest.mark.parametrize(
    "error",
    [
        FileExistsError("x"),
        OSError(errno.EINVAL, "At least one of the pre-conditions did not hold"),
        caused(OSError(errno.EINVAL, "x"), "PreconditionFailed"),
        caused(OSError(errno.EINVAL, "x"), "412"),
        caused(OSError(errno.EIO, "x"), "ConditionalRequestConflict"),
    ],
)
def test_how_servers_refuse_a_create(error: Exception) -> None:
    assert is_refused_create(error)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("x"),
        caused(OSError(errno.EINVAL, "x"), "AuthorizationHeaderMalformed"),
        OSError(errno.ENOSPC, "x"),
        ValueError("x"),
    ],
)
def test_what_is_no_refusal(error: Exception) -> None:
    assert not is_refused_create(error)


def test_servers_that_know_no_condition() -> None:
    assert is_unknown_create(NotImplementedError())
    assert is_unknown_create(caused(OSError(errno.ENOSYS, "x"), "NotImplemented"))
    assert not is_unknown_create(PermissionError("x"))


def named(name: str) -> Exception:
    error: Exception = type(name, (Exception,), {})("why")
    return error


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (FileNotFoundError("x"), MissingArtifact, "There is no 'k'"),
        (caused(FileNotFoundError("x"), "NoSuchBucket"), StoreError, "no such bucket"),
        (TimeoutError(), StoreTimeout, "no answer within 3 s"),
        (named("ReadTimeoutError"), StoreTimeout, "no answer"),
        (named("NoCredentialsError"), StoreError, "no S3 keys"),
        (named("EndpointConnectionError"), StoreError, "cannot be reached"),
        (ConnectionRefusedError(111, "Connection refused"), StoreError, "cannot be reached"),
        (OSError(errno.ENOSPC, "x"), StoreError, "no space left"),
        (named("Odd"), StoreError, "Odd: why"),
    ],
)
def test_sentences(error: Exception, kind: type[Exception], sentence: str) -> None:
    described = describe(error, "read", "k", "s3://b", 3.0)
    assert type(described) is kind
    assert sentence in str(described)
    assert str(described).endswith(".")


def test_code() -> None:
    assert code_of(ValueError()) == ""
    assert code_of(ClientError("SlowDown")) == "SlowDown"
