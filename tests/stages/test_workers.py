"""Nights on a cluster that somebody else started, in processes of its own."""

import os
import shutil
import subprocess
import sys

import pytest
from distributed import Client

from jfdask.cluster.remote import security_of
from jfdask.errors import ClusterError, JfdaskError
from jfdask.jellyfin.connection import Server
from jfdask.settings import StoreSettings
from jfdask.stages.workers import alike
from jfdask.store.filesystem import address_of, open_store
from jfdask.store.runs import latest_run
from jfdask.store.verify import verify_run

from ..cluster.test_remote import write_files
from ..remote import ROOT, start_remote

pytestmark = pytest.mark.cluster

KEY = {"KEY_OF_H": "0123456789abcdef0123456789abcdef"}


class Motley:
    """A night's folder, and a cluster of which only one worker is fit for it."""

    def __init__(self, folder, remote, other_code):
        self.scheduler = remote.address
        self.here, self.there = folder / "here", folder / "there"
        self.here.mkdir()
        self.there.mkdir()
        # The same name is another folder for a process that stands somewhere else, as it would
        # be on another machine.
        (self.here / "jfdask.toml").write_text(
            '[store]\nurl = "/proc/self/cwd/store"\n'
            '[[households]]\nname = "h"\nurl = "http://127.0.0.1:9"\napi_key_env = "KEY_OF_H"\n'
            f'[cluster]\naddress = "{remote.address}"\n'
        )
        remote.worker("good", env=KEY, cwd=self.here)
        remote.worker("code", env=KEY | other_code, cwd=self.here)
        threads = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
        remote.worker("threads", "--nthreads", "2", "--no-nanny", env=threads, cwd=self.here)
        remote.worker("folder", env=KEY, cwd=self.there)
        with Client(remote.address) as client:
            self.workers = remote.wait_for(client, "good", "code", "threads", "folder")

    def jfdask(self, *argv):
        return subprocess.run(
            [sys.executable, "-m", "jobs", *argv],
            env={**os.environ, **KEY, "PYTHONPATH": str(ROOT)},
            cwd=self.here, capture_output=True, text=True, check=False,
        )  # fmt: skip


def other_code(folder):
    """Return the environment of a process with a changed line and an older pandas."""
    shutil.copytree(ROOT / "jfdask", folder / "jfdask")
    with (folder / "jfdask" / "tables.py").open("a") as file:
        file.write("# changed\n")
    (folder / "pandas-3.0.0.dist-info").mkdir()
    (folder / "pandas-3.0.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pandas\nVersion: 3.0.0\n"
    )
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


@pytest.fixture(scope="module")
def motley(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motley")
    other = other_code(folder / "other")
    with start_remote(folder, env=other) as remote:
        yield Motley(folder, remote, other)


@pytest.mark.xdist_group("motley")
class TestDifferences:
    @pytest.mark.parametrize("command", ["run", "check"])
    def test_each_is_named_with_its_worker_and_nothing_is_begun(self, motley, command):
        done = motley.jfdask(command)
        told = done.stdout + done.stderr
        assert done.returncode == 1, told
        lines = told.replace("; worker", "\n  worker").splitlines()
        by_worker = {
            name: next((line for line in lines if f"worker {address}: " in line), "")
            for name, address in motley.workers.items()
        }
        assert by_worker.pop("good") == ""
        assert "pandas 3.0.0, here " in by_worker["code"]
        assert "jfdask 0." in by_worker["code"]
        [of_scheduler] = [line for line in lines if f"scheduler {motley.scheduler}: " in line]
        assert of_scheduler.partition("jfdask 0.")[2] == by_worker["code"].partition("jfdask 0.")[2]
        assert "2 threads, expected 1" in by_worker["threads"]
        assert "3 threads in its numerical libraries" in by_worker["threads"]
        assert "set the environment variable KEY_OF_H" in by_worker["threads"]
        assert "/proc/self/cwd/store is another folder there" in by_worker["folder"]
        assert sum(line.count("KEY_OF_H,") for line in by_worker.values()) == 1
        assert KEY["KEY_OF_H"] not in told
        assert "Mismatch" not in told
        assert "Traceback" not in told
        assert [p for p in (motley.here / "store").rglob("*") if p.is_file()] == []
        assert list(motley.there.iterdir()) == []


@pytest.fixture
def store(tmp_path):
    return open_store(address_of(StoreSettings(url=str(tmp_path / "store"))))


class TestKeys:
    """On workers that have no keys in their environment."""

    server = Server("http://127.0.0.1:9", api_key_env="KEY_OF_H")

    def test_one_that_is_here_alone_is_a_difference(self, client, store, monkeypatch):
        monkeypatch.setenv("KEY_OF_H", KEY["KEY_OF_H"])
        with (
            pytest.raises(ClusterError, match="set the environment variable KEY_OF_H"),
            alike(client, store, [self.server], print),
        ):
            pytest.fail("a night was begun")
        assert store.list() == []

    def test_one_that_is_nowhere_is_left_to_its_household(self, client, store):
        with alike(client, store, [self.server], print):
            assert len(store.list()) == 1
        assert store.list() == []

    def test_a_folder_that_cannot_be_cleaned_does_not_hide_how_the_night_ended(
        self, client, store, monkeypatch, caplog
    ):
        def fail(_store, _key):
            raise JfdaskError("gone")

        def night():
            with alike(client, store, [], print):
                monkeypatch.setattr(type(store), "delete", fail)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            night()
        assert "stays in the store: gone" in caplog.text


def artifacts(nights):
    """Return what the last night made, without the documents that tell when."""
    store, run = nights.store, latest_run(nights.store)
    assert verify_run(store, run) == []
    keys = [key for key in store.list(f"runs/{run}") if not key.endswith("manifest.json")]
    return {key.removeprefix(f"runs/{run}/"): store.read(key) for key in keys}


@pytest.mark.server
@pytest.mark.timeout(900)  # three nights, if it is the first to want the finished one
def test_the_same_night_on_one_worker_and_on_three_over_tls(finished, tmp_path):
    files = write_files(tmp_path / "tls")
    expected = artifacts(finished)
    assert len(expected) > 30
    with start_remote(tmp_path, *files.options) as remote:
        cluster = files.settings(remote.address)
        with Client(remote.address, security=security_of(cluster)) as client:
            names = ["a"]
            remote.worker("a")
            for n, more in ((1, ()), (3, ("b", "c"))):
                for name in more:
                    remote.worker(name)
                names += more
                assert len(remote.wait_for(client, *names)) == n
                url = str(tmp_path / f"store-of-{n}")
                nights = type(finished)(
                    finished.settings.model_copy(
                        update={
                            "cluster": cluster,
                            "store": finished.settings.store.model_copy(update={"url": url}),
                        }
                    )
                )
                summary = nights.run()
                assert summary.exit_code == 0, summary.problems
                assert artifacts(nights) == expected
                assert [key for key in nights.store.list() if key.startswith("check-")] == []
    logs = "".join(log.read_text() for log in tmp_path.glob("*.log"))
    [home] = finished.settings.households
    assert home.api_key_file.read_text() not in logs
    assert "PRIVATE KEY" not in logs
