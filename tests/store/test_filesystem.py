import pickle
import socket
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from s3fs import S3FileSystem

from jfdask.errors import DamagedArtifact, MissingArtifact, StoreError, StoreTimeout
from jfdask.settings import StoreSettings
from jfdask.store.filesystem import Store, StoreAddress, address_of, open_store, sha256_of


def test_what_is_written_is_read(store: Store) -> None:
    store.write("runs/a/x.bin", b"1")
    store.write("runs/a/x.bin", b"22")
    assert store.read("runs/a/x.bin") == b"22"
    store.write("empty", b"")
    assert store.read("empty") == b""


def test_a_megabyte(store: Store) -> None:
    data = bytes(range(256)) * 4096
    store.write("big", data)
    assert store.read("big") == data


def test_a_missing_key_is_named(store: Store) -> None:
    with pytest.raises(MissingArtifact, match="'runs/a/x'"):
        store.read("runs/a/x")
    with pytest.raises(MissingArtifact, match="'runs/a/x'"):
        store.copy("runs/a/x", "runs/b/x")


def test_create_is_exclusive(store: Store) -> None:
    store.create("a/lock", b"mine")
    with pytest.raises(FileExistsError):
        store.create("a/lock", b"yours")
    assert store.read("a/lock") == b"mine"
    store.delete("a/lock")
    store.create("a/lock", b"yours")
    assert store.read("a/lock") == b"yours"


def test_exists(store: Store) -> None:
    store.write("a/b/c", b"1")
    assert store.exists("a/b/c")
    assert not store.exists("a/b/d")
    assert not store.exists("a/b")


def test_list_is_recursive_sorted_and_of_the_folder_only(store: Store) -> None:
    for key in ("runs/a/2", "runs/a/1", "runs/a/b/3", "runs/ab/4", "runs/a.x", "state/5"):
        store.write(key, key.encode())
    assert store.list("runs/a") == ["runs/a/1", "runs/a/2", "runs/a/b/3"]
    assert len(store.list()) == 6
    assert store.list("nothing") == []
    assert store.sizes("state") == {"state/5": 7}
    assert store.children("runs") == ["a", "a.x", "ab"]
    assert store.children("runs/a") == ["1", "2", "b"]
    assert store.children() == ["runs", "state"]
    assert store.children("nothing") == []


def test_delete(store: Store) -> None:
    for key in ("runs/a/2", "runs/a/b/3", "runs/ab/4"):
        store.write(key, b"1")
    assert store.delete_all("runs/a") == 2
    assert store.list() == ["runs/ab/4"]
    assert store.children("runs") == ["ab"]
    assert store.delete_all("runs/a") == 0
    store.delete("runs/a/2")
    store.delete("runs/ab/4")
    assert store.list() == []


def test_delete_all_needs_a_folder(store: Store) -> None:
    store.write("x", b"1")
    with pytest.raises(ValueError, match="is no key"):
        store.delete_all("")
    assert store.list() == ["x"]


def test_objects_that_stand_for_folders(s3_bucket: Any, s3_address: StoreAddress) -> None:
    store = open_store(s3_address)
    store.write("runs/1/a", b"1")
    for folder in ("", "runs/", "runs/1/", "runs/1/people/", "pools/"):
        s3_bucket.put_object(Key=f"some/prefix/{folder}", Body=b"")
    assert store.children() == ["pools", "runs"]
    assert (store.children("runs"), store.children("pools")) == (["1"], [])
    assert store.delete_all("runs/1") == 3
    assert store.list() == ["pools/", "runs/"]
    assert store.children("runs") == []


def test_copy(store: Store) -> None:
    store.write("a/1", b"one")
    store.copy("a/1", "b/c/1")
    assert store.read("b/c/1") == b"one"
    assert store.read("a/1") == b"one"


@pytest.mark.parametrize("key", ["../out", "/etc/passwd", "a/../../b", "", "a/.tmp-1"])
def test_no_key_leads_out_of_the_store(folder: Store, key: str) -> None:
    for call in (folder.read, folder.delete, folder.exists, folder.delete_all):
        with pytest.raises(ValueError, match="is no key"):
            call(key)
    for write in (folder.write, folder.create):
        with pytest.raises(ValueError, match="is no key"):
            write(key, b"1")
    with pytest.raises(ValueError, match="is no key"):
        folder.copy("a", key)


def test_checksums(store: Store) -> None:
    store.write("a", b"one")
    assert store.read_checked("a", sha256_of(b"one")) == b"one"
    with pytest.raises(DamagedArtifact, match=r"'a'.*checksum"):
        store.read_checked("a", sha256_of(b"two"))


def test_check_leaves_nothing_behind(store: Store) -> None:
    store.check()
    assert store.list() == []
    assert store.creates_exclusively()


def test_a_store_travels_as_its_address(store: Store) -> None:
    store.write("a", b"one")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"one"


def test_an_s3_store_is_opened_once_a_process(s3_address: StoreAddress) -> None:
    assert open_store(s3_address) is open_store(replace(s3_address))


def test_in_memory() -> None:
    store = open_store(address_of(StoreSettings(url="memory://films")))
    store.check()
    store.write("a/b", b"1")
    store.copy("a/b", "a/c")
    assert store.list("a") == ["a/b", "a/c"]
    assert store.children() == ["a"]
    assert store.exists("a/b")
    assert not store.exists("a")
    with pytest.raises(FileExistsError):
        store.create("a/b", b"2")
    assert store.delete_all("a") == 2
    with pytest.raises(MissingArtifact):
        store.read("a/b")


def test_an_unknown_scheme_is_said() -> None:
    with pytest.raises(StoreError, match="nosuch://x cannot be opened"):
        open_store(StoreAddress("nosuch://x"))


class _Careless:
    """An S3 service that does not know conditions: it overwrites."""

    def __init__(self, backend: object) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, "write" if name == "create" else name)


def test_a_store_without_exclusive_create_is_refused(folder: Store) -> None:
    careless = Store(folder.address, _Careless(folder._backend))  # type: ignore[arg-type]
    assert not careless.creates_exclusively()
    with pytest.raises(StoreError, match="single_writer = true"):
        careless.check()
    promised = Store(replace(folder.address, single_writer=True), _Careless(folder._backend))  # type: ignore[arg-type]
    promised.check()
    assert folder.list() == []


def test_a_service_that_says_it_knows_no_conditions(folder: Store) -> None:
    class Refusing(_Careless):
        def create(self, key: str, data: bytes) -> None:
            raise NotImplementedError

    assert not Store(folder.address, Refusing(folder._backend)).creates_exclusively()  # type: ignore[arg-type]


def test_a_first_answer_that_is_lost_is_no_other_writer(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, lost = folder._backend.create, iter([True])

    def tried_twice(key: str, data: bytes) -> None:
        create(key, data)
        if next(lost, False):
            raise FileExistsError(key)

    monkeypatch.setattr(folder._backend, "create", tried_twice)
    assert folder.creates_exclusively()
    assert folder.list() == []


def test_s3_keys_by_names_of_ones_own(
    s3_address: StoreAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("FILM_KEY", "hush-key")
    monkeypatch.setenv("FILM_SECRET", "hush-secret")
    store = open_store(replace(s3_address, key_env="FILM_KEY", secret_env="FILM_SECRET"))
    store.check()
    assert b"hush" not in pickle.dumps(store)
    assert "hush" not in repr(store)


def test_missing_s3_keys_are_said(
    s3_address: StoreAddress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID"):
        open_store(replace(s3_address, url="s3://films/other")).read("a")


def test_a_missing_bucket_is_said(s3_address: StoreAddress) -> None:
    store = open_store(replace(s3_address, url="s3://nosuchbucket/x"))
    for call in (lambda: store.write("a", b"1"), lambda: store.read("a"), store.check):
        with pytest.raises(StoreError, match="no such bucket") as caught:
            call()
        assert not isinstance(caught.value, MissingArtifact)
    with pytest.raises(StoreError, match="no such bucket"):
        store.list("a")


def test_a_service_that_is_not_there_is_said(s3_address: StoreAddress) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        address = replace(s3_address, endpoint_url=endpoint, timeout_seconds=2)
        with pytest.raises(StoreError, match=r"reached|no answer"):
            open_store(address).read("a")


def test_a_silent_service_meets_the_deadline(s3_address: StoreAddress) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = open_store(replace(s3_address, endpoint_url=endpoint, timeout_seconds=1.0))
        for call in (
            lambda: store.write("a", b"x" * 3_000_000),
            lambda: store.create("a", b"1"),
            lambda: store.read("a"),
        ):
            begun = time.monotonic()
            with pytest.raises(StoreTimeout, match="no answer within 1 s") as caught:
                call()
            assert time.monotonic() - begun < 4
            assert "fake" not in "".join(traceback.format_exception(caught.value))


def test_a_call_that_hangs_meets_the_deadline(folder: Store) -> None:
    release = threading.Event()

    class Hanging(_Careless):
        def read(self, key: str) -> bytes:
            release.wait(30)
            return b""

    store = Store(replace(folder.address, timeout_seconds=0.1), Hanging(folder._backend))  # type: ignore[arg-type]
    with pytest.raises(StoreTimeout, match="read 'a'"):
        store.read("a")
    release.set()


def test_of_many_who_create_one_succeeds(folder: Store) -> None:
    won: list[int] = []
    ready = threading.Barrier(8)

    def try_it(number: int) -> None:
        ready.wait()
        try:
            folder.create("locks/one", bytes([number]) * 1000)
        except FileExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert folder.read("locks/one") == bytes([won[0]]) * 1000


def test_one_request_a_call(s3_address: StoreAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(s3_address)
    requests: list[str] = []
    call, call_and_wait = S3FileSystem._call_s3, S3FileSystem.call_s3

    async def count(self: S3FileSystem, method: str, *args: object, **kwargs: object) -> object:
        requests.append(method)
        return await call(self, method, *args, **kwargs)

    def count_and_wait(self: S3FileSystem, method: str, **kwargs: object) -> object:
        requests.append(method)
        return call_and_wait(self, method, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", count)
    monkeypatch.setattr(S3FileSystem, "call_s3", count_and_wait)
    store.write("a/b", b"1")
    store.create("a/c", b"1")
    store.read("a/b")
    store.delete("a/b")
    store.write("a/d", b"1")
    assert store.delete_all("a") == 2
    assert requests[:4] == ["put_object", "put_object", "get_object", "delete_object"]
    assert requests.count("delete_objects") == 1


@pytest.mark.parametrize(
    ("code", "told"), [("AccessDenied", "permission denied"), ("InternalError", "InternalError")]
)
def test_what_a_bucket_does_not_remove_is_said(
    s3_address: StoreAddress, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    store = open_store(s3_address)
    store.write("a/b", b"1")
    store.write("a/c", b"1")
    call = S3FileSystem.call_s3

    def refuse(self: S3FileSystem, method: str, **kwargs: object) -> object:
        if method == "delete_objects":
            return {"Errors": [{"Key": "a/c", "Code": code, "Message": "No."}]}
        return call(self, method, **kwargs)

    monkeypatch.setattr(S3FileSystem, "call_s3", refuse)
    with pytest.raises(StoreError, match=told):
        store.delete_all("a")


@pytest.mark.parametrize(("code", "is_told"), [("NoSuchKey", False), ("NoSuchBucket", True)])
def test_a_service_may_say_that_there_was_nothing_to_remove(
    s3_address: StoreAddress, monkeypatch: pytest.MonkeyPatch, code: str, is_told: bool
) -> None:
    store = open_store(s3_address)

    def refuse(self: S3FileSystem, method: str, **kwargs: object) -> object:
        raise FileNotFoundError from ClientError({"Error": {"Code": code}}, method)

    monkeypatch.setattr(S3FileSystem, "call_s3", refuse)
    if is_told:
        with pytest.raises(StoreError, match="no such bucket"):
            store.delete("a")
    else:
        store.delete("a")


def test_a_service_that_wants_checksums_of_before_gets_one_call_an_object(
    s3_address: StoreAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(s3_address)
    for key in ("a/b", "a/c", "b/d"):
        store.write(key, b"1")
    call = S3FileSystem.call_s3

    def refuse(self: S3FileSystem, method: str, **kwargs: object) -> object:
        if method == "delete_objects":
            answer = {"Error": {"Code": "MissingContentMD5", "Message": "Missing."}}
            raise OSError("Missing.") from ClientError(answer, "DeleteObjects")
        return call(self, method, **kwargs)

    monkeypatch.setattr(S3FileSystem, "call_s3", refuse)
    assert store.delete_all("a") == 2
    assert store.list() == ["b/d"]
