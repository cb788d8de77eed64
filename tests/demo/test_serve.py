from __future__ import annotations

import socket

import click
import pytest
import trustme
from click.testing import CliRunner

from jfdask.demo import serve
from jfdask.demo.process import KEY_VARIABLE


def test_help_names_every_option():
    text = CliRunner().invoke(serve.command, ["--help"]).output
    for option in serve.OPTIONS:
        assert option.hidden or option.opts[0] in text


def test_the_household_is_the_fixed_one_unless_a_size_is_given():
    assert serve._household(None, None, None, 0).user("ingrid")
    grown = serve._household(40, None, 5, 0)
    assert (len(grown.movies), len(grown.users)) == (40, 12)


def test_the_key_is_read_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text("from-file\n")
    monkeypatch.setenv(KEY_VARIABLE, "from-environment")
    assert serve._api_key(file) == "from-file"
    assert serve._api_key(None) == "from-environment"
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.chdir(tmp_path)
    made = serve._api_key(None)
    assert len(made) == 32
    assert serve._api_key(None) == made == serve.DEFAULT_KEY_FILE.read_text()
    assert serve.DEFAULT_KEY_FILE.stat().st_mode & 0o077 == 0
    file.write_text("\n")
    with pytest.raises(click.UsageError, match="is empty"):
        serve._api_key(file)


def test_https_needs_a_certificate(tmp_path):
    assert serve._tls(None, None) is None
    pair = trustme.CA().issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    pair.cert_chain_pems[0].write_to_path(cert)
    pair.private_key_pem.write_to_path(key)
    assert serve._tls(cert, key) is not None


def test_the_command_serves_what_its_options_say(monkeypatch):
    seen = []
    monkeypatch.setattr(
        serve.DemoServer, "serve_forever", lambda self, on_ready: (seen.append(self), on_ready("U"))
    )
    options = ["--movies=30", "--people=1", "--plays=5", "--drop=0.5", "--version=10.11"]
    result = CliRunner().invoke(serve.command, options, env={KEY_VARIABLE: "k" * 32})
    assert result.output == "Demo Jellyfin 10.11 listens on U\n"
    assert seen[0].trouble.faults.drop == 0.5
    assert seen[0].world.version == "10.11"


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = ["--movies=30", "--people=1", "--plays=5", f"--port={port}"]
        result = CliRunner().invoke(serve.command, options, env={KEY_VARIABLE: "k" * 32})
    assert result.exit_code == 2
    assert f"--port {port} is taken" in result.output
