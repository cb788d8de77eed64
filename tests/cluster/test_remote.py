"""Schedulers by their address: silent ones, encrypted ones, ones without workers."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from distributed import Client
from pydantic import ValidationError

import jfdask.cluster.remote as module
from jfdask.cluster.connect import connect
from jfdask.cluster.remote import security_of
from jfdask.errors import ClusterError, SettingsError
from jfdask.settings import ClusterSettings
from jfdask.stages.window import Call, drive

from ..remote import start_remote

TLS = "tls://127.0.0.1:8786"


@dataclass(frozen=True)
class Files:
    """An authority's certificate, and one that it has signed."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def options(self):
        """What the commands of Dask are given."""
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        pairs = zip(names, (self.ca, self.certificate, self.key), strict=True)
        return tuple(str(word) for pair in pairs for word in pair)

    def settings(self, address=TLS, **changes):
        """What we are given."""
        files = {"tls_ca_file": self.ca, "tls_cert_file": self.certificate}
        files["tls_key_file"] = self.key
        return ClusterSettings.model_validate({"address": address} | files | changes)


def write_files(folder):
    folder.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = Files(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(files.ca)
    certificate.cert_chain_pems[0].write_to_path(files.certificate)
    certificate.private_key_pem.write_to_path(files.key)
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1.5)


@pytest.fixture
def silent():
    """A peer that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as peer:
        yield f"127.0.0.1:{peer.getsockname()[1]}"


def refusal(settings):
    with pytest.raises((ClusterError, SettingsError)) as caught, connect(settings):
        pass
    return caught


@pytest.mark.usefixtures("quick")
class TestNobodyAnswers:
    def test_where_nobody_listens(self):
        caught = refusal(ClusterSettings(address="tcp://127.0.0.1:9"))
        assert caught.match("No Dask scheduler answers at tcp://127.0.0.1:9")

    @pytest.mark.parametrize("scheme", ["tcp", "tls"])
    def test_where_somebody_accepts_and_is_silent(self, silent, files, scheme):
        address = f"{scheme}://{silent}"
        settings = files.settings(address) if scheme == "tls" else ClusterSettings(address=address)
        threads, began = set(threading.enumerate()), time.monotonic()
        caught = refusal(settings)
        assert time.monotonic() - began < 10
        assert caught.match(f"No Dask scheduler answers at {address}")
        assert caught.value.exit_code == 1
        assert [t for t in threading.enumerate() if t not in threads] == []

    def test_a_command_ends_all_the_same(self, silent, tmp_path):
        code = (
            "import sys, jfdask.cluster.remote as remote; remote.CONNECT_SECONDS = 1.5\n"
            "from jobs.__main__ import main; main(sys.argv[1:])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "run", "--cluster", f"tcp://{silent}"],
            env={"JFDASK_URL": "http://127.0.0.1:9", "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 1
        assert "No Dask scheduler answers" in done.stderr
        assert "Traceback" not in done.stderr

    def test_somebody_who_is_no_scheduler(self, client):
        worker = next(iter(client.scheduler_info(n_workers=-1)["workers"]))
        caught = refusal(ClusterSettings(address=worker))
        assert caught.match(f"No Dask scheduler answers at {worker}")


@pytest.mark.parametrize("address", ["tcp://host", "tcp://host:port", "tls://:8786", "tcp://"])
def test_an_address_that_is_not_whole(address, files):
    caught = refusal(ClusterSettings(address=address))
    assert caught.type is SettingsError
    assert caught.match("expected t(cp|ls)://host:port")


class TestFiles:
    def test_what_is_named_is_used_and_encryption_required(self, files):
        security = security_of(files.settings())
        assert security.require_encryption
        assert security.get_tls_config_for_role("client") == {
            "ca_file": str(files.ca),
            "cert": str(files.certificate),
            "key": str(files.key),
            "ciphers": None,
        }

    def test_none_are_needed_without_encryption(self):
        assert security_of(ClusterSettings(address="tcp://host:8786")) is None

    @pytest.mark.parametrize("name", ["tls_ca_file", "tls_cert_file"])
    def test_one_that_is_not_named(self, files, name):
        with pytest.raises(SettingsError, match=f"needs cluster.{name}"):
            security_of(files.settings(**{name: None}))

    def test_certificates_where_nothing_is_encrypted(self, files):
        with pytest.raises(SettingsError, match="tls_ca_file is set, and tcp://"):
            security_of(files.settings("tcp://127.0.0.1:8786"))

    @pytest.mark.parametrize("name", ["tls_ca_file", "tls_cert_file", "tls_key_file"])
    def test_one_that_is_not_there(self, files, name, tmp_path):
        missing = tmp_path / "missing.pem"
        with pytest.raises(SettingsError, match=f"{missing}.*No such file"):
            security_of(files.settings(**{name: missing}))

    @pytest.mark.parametrize("name", ["tls_ca_file", "tls_cert_file", "tls_key_file"])
    def test_one_that_is_none(self, files, name, tmp_path):
        broken = tmp_path / "broken.pem"
        broken.write_text("SECRET")
        with pytest.raises(SettingsError, match=f"{name} {broken}") as caught:
            security_of(files.settings(**{name: broken}))
        assert "SECRET" not in str(caught.value)

    def test_a_key_with_a_password_is_refused_and_nobody_is_asked(self, files, tmp_path):
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        locked = tmp_path / "locked.pem"
        locked.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"word"),
            )
        )
        with pytest.raises(SettingsError, match="the key without a password"):
            security_of(files.settings(tls_key_file=locked))

    def test_a_key_in_the_place_of_its_file_is_not_repeated(self, files):
        key = files.key.read_text()
        with pytest.raises(ValidationError) as caught:
            files.settings(tls_key_file=key)
        told = [str(error["msg"]) for error in caught.value.errors()]
        assert told == ["Value error, expected the path of a file, not what the file holds"]


@pytest.fixture(scope="module")
def remote(files, tmp_path_factory):
    with start_remote(tmp_path_factory.mktemp("remote"), *files.options) as remote:
        yield remote


@pytest.mark.cluster
class TestProcesses:
    def test_no_workers_then_one(self, remote, files):
        assert remote.address.startswith("tls://")
        assert refusal(files.settings(remote.address)).match("has no workers. Start some first")
        remote.worker("one")
        with Client(remote.address, security=security_of(files.settings())) as own:
            remote.wait_for(own, "one")
        with connect(files.settings(remote.address)) as own:
            assert own.submit(sum, [1, 2]).result() == 3
            assert json.dumps(repr(own)).count("PRIVATE") == 0

    @pytest.mark.timeout(120)
    def test_a_connection_that_is_lost_is_not_made_anew(self, remote, files):
        def work():
            answers = yield [Call(time.sleep, (60,), "")]
            return answers

        with Client(remote.address, security=security_of(files.settings())) as own:
            remote.wait_for(own, "one")
        with connect(files.settings(remote.address)) as own:
            close = own.rpc.close

            async def slowly():
                # Whoever is woken meanwhile sends what is never heard.
                await asyncio.sleep(1)
                await close()

            own.rpc.close = slowly
            lose = partial(own.loop.add_callback, own.scheduler_comm.comm.abort)
            threading.Timer(1, lose).start()
            with pytest.raises(ClusterError, match="connection to the Dask scheduler is lost"):
                drive(own, {"a": work(), "b": work()}, 1, lambda *_: None, at_once=1)
            assert own.status == "closed"

    @pytest.mark.usefixtures("quick")
    def test_an_authority_of_another(self, remote, tmp_path):
        others = write_files(tmp_path / "others")
        assert refusal(others.settings(remote.address)).match("do not trust each other")

    @pytest.mark.usefixtures("quick")
    def test_our_certificate_is_of_another_authority(self, remote, files, tmp_path):
        others = write_files(tmp_path / "others")
        settings = others.settings(remote.address, tls_ca_file=files.ca)
        assert refusal(settings).match("do not trust each other")

    @pytest.mark.usefixtures("quick")
    def test_without_encryption(self, remote):
        address = remote.address.replace("tls://", "tcp://")
        assert refusal(ClusterSettings(address=address)).match("begin its address with tls://")

    @pytest.mark.usefixtures("quick")
    def test_encryption_where_there_is_none(self, client, files):
        address = client.scheduler.address.replace("tcp://", "tls://")
        assert refusal(files.settings(address)).match("one of them does not encrypt")
