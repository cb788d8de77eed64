import re
import shlex
import subprocess

import pytest
from distributed.cli import dask_scheduler, dask_worker

from jfdask.cluster import remote
from jfdask.cluster.remote import security_of
from jfdask.errors import ClusterError
from jfdask.settings import ClusterSettings

PAGE = "docs/clusters.md"


@pytest.fixture
def typed(pages):
    return [line for page, line in pages.typed() if page == PAGE]


def test_every_command_of_dask_can_be_typed(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    commands = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
    lines = [shlex.split(line) for line in typed if line.startswith("dask ")]
    assert {words[1] for words in lines} == set(commands)
    for _, which, *words in lines:
        commands[which].make_context(which, words)


def test_the_certificates_are_some_that_can_be_used(typed, tmp_path):
    lines = [line for line in typed if line.startswith("openssl ")]
    assert len(lines) == 3
    for line in lines:
        subprocess.run(shlex.split(line), cwd=tmp_path, check=True, capture_output=True)
    settings = ClusterSettings(
        address="tls://127.0.0.1:8786",
        tls_ca_file=tmp_path / "ca.pem",
        tls_cert_file=tmp_path / "cert.pem",
        tls_key_file=tmp_path / "key.pem",
    )
    assert security_of(settings).require_encryption


def test_what_is_said_is_what_is_told(pages):
    page = pages[PAGE]
    assert f"after {remote.CONNECT_SECONDS:g} s at most" in page
    assert f"exit code {ClusterError.exit_code} " in page.replace("\n", " ")
    source = (pages.root / "jfdask" / "cluster" / "remote.py").read_text(encoding="utf-8")
    for said in re.findall(r"^\| ([A-Za-z ]+) \| [a-z ]+", page.partition("## When")[2], re.M)[1:]:
        assert said in re.sub(r'"\n\s+f?"', "", source)
