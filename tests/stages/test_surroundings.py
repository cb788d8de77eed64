"""What a worker tells of the place where it is; in this process, as if it were one."""

import asyncio
import hashlib
import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest

from jfdask.cluster.versions import Versions, versions_here
from jfdask.jellyfin.connection import Server
from jfdask.settings import StoreSettings
from jfdask.stages import surroundings as module
from jfdask.stages.surroundings import Needs, look_around
from jfdask.store.filesystem import address_of


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    # This process has as many as it likes.
    monkeypatch.setattr(module, "threadpool_info", lambda: [{"num_threads": 1}])


@pytest.fixture
def key(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_OF_H", "0123456789abcdef0123456789abcdef")
    return Server("http://h", api_key_env="KEY_OF_H")


@pytest.fixture
def needs(tmp_path, key):
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "probe").write_bytes(b"here")
    address = address_of(StoreSettings(url=str(folder)))
    return Needs(address, "probe", hashlib.sha256(b"here").hexdigest(), (key,), versions_here())


def look(needs, n_threads=1):
    worker = SimpleNamespace(id="Worker-1", state=SimpleNamespace(nthreads=n_threads))
    return asyncio.run(look_around(needs, worker))


def test_a_worker_that_has_everything(needs):
    found = look(needs)
    assert (found.server_id, found.problems, found.keyless) == ("Worker-1", (), ("",))


def test_what_travels_holds_no_key(needs):
    assert b"0123456789abcdef" not in pickle.dumps(needs)


def test_another_folder_of_the_same_name_is_left_alone(needs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    [problem] = look(replace(needs, address=replace(needs.address, url=str(elsewhere)))).problems
    assert problem.startswith(f"{elsewhere} is another folder there than here")
    assert not elsewhere.exists()


def test_a_folder_with_an_older_probe_is_another(needs):
    [problem] = look(replace(needs, probe_sha256=hashlib.sha256(b"new").hexdigest())).problems
    assert "is another folder there than here" in problem


def test_a_store_that_cannot_be_written(needs, monkeypatch):
    def refuse(_store):
        raise module.JfdaskError("Cannot write.")

    monkeypatch.setattr("jfdask.store.filesystem.Store.check", refuse)
    assert look(needs).problems == ("Cannot write",)


def test_a_store_that_cannot_be_opened(needs, tmp_path):
    (tmp_path / "file").touch()
    address = replace(needs.address, url=str(tmp_path / "file"))
    assert len(look(replace(needs, address=address)).problems) == 1


def test_keys_one_by_one(needs, key):
    none = Server("http://n", api_key_env="NO_SUCH_KEY")
    found = look(replace(needs, servers=(none, key, none)))
    assert found.problems == ()
    assert found.keyless[1] == ""
    assert "set the environment variable NO_SUCH_KEY" in found.keyless[0]


def test_threads(needs, monkeypatch):
    monkeypatch.setattr(module, "threadpool_info", lambda: [{"num_threads": n} for n in (1, 4)])
    assert look(needs, 8).problems == (
        "8 threads, expected 1: start it with --nthreads 1",
        "4 threads in its numerical libraries, expected 1: start it with OMP_NUM_THREADS=1, "
        "OPENBLAS_NUM_THREADS=1 and MKL_NUM_THREADS=1, or with a nanny",
    )


def test_other_code_and_all_else_in_one_go(needs, tmp_path):
    address = replace(needs.address, url=str(tmp_path / "elsewhere"))
    found = look(replace(needs, versions=Versions((("numpy", "1.0"),)), address=address), 2)
    assert len(found.problems) == 3
    assert found.problems[0].endswith(", here 1.0")


def test_a_package_that_is_missing_there(needs, monkeypatch):
    def fail(_name):
        raise ModuleNotFoundError("No module named 's3fs'", name="s3fs")

    monkeypatch.setattr(module, "import_module", fail)
    assert look(needs).problems == ("it cannot load jfdask: s3fs is missing",)
