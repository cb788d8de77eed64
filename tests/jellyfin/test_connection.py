import pickle
from pathlib import Path

import httpx
import pytest
import trustme

from jfdask.errors import SettingsError
from jfdask.jellyfin.connection import Server, connect, server_of
from jfdask.settings import FetchSettings, Household

URL = "http://tv.example:8096/jf"
SECRET = "5ec2e7ab01234567890abcdef0123456"


def header_of(server):
    """Return what a client made now would send."""
    seen = []

    def answer(request):
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    with connect(server, transport=httpx.MockTransport(answer)) as client:
        client.get_json("/Users")
    return seen[0]


def test_a_household_becomes_a_server():
    household = Household(
        name="home", url=URL + "/", api_key_file=Path("k"), ca_file=Path("ca.pem")
    )
    fetch = FetchSettings(timeout_seconds=7, attempts=3)
    server = server_of(household, fetch)
    assert server == Server(URL, None, "k", "ca.pem", 7.0, 3)


def test_a_server_travels_and_holds_no_secret(monkeypatch):
    monkeypatch.setenv("TV_KEY", SECRET)
    server = Server(URL, api_key_env="TV_KEY")
    travelled = pickle.dumps(server)
    assert SECRET.encode() not in travelled
    assert pickle.loads(travelled) == server
    assert hash(pickle.loads(travelled)) == hash(server)
    assert SECRET not in repr(server)


def test_the_key_is_read_when_connecting(monkeypatch):
    server = Server(URL, api_key_env="TV_KEY")
    for value in ("first", "second"):
        monkeypatch.setenv("TV_KEY", f"  {value}\n")
        assert header_of(server) == f'MediaBrowser Token="{value}"'


@pytest.mark.parametrize("how", ["api_key_file", "variable", "default variable"])
def test_the_key_may_be_in_a_file(how, tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    monkeypatch.delenv("JFDASK_API_KEY")
    if how == "api_key_file":
        server = Server(URL, api_key_file=str(file))
    else:
        name = "TV_KEY" if how == "variable" else None
        monkeypatch.setenv(f"{name or 'JFDASK_API_KEY'}_FILE", str(file))
        server = Server(URL, api_key_env=name)
    assert header_of(server) == f'MediaBrowser Token="{SECRET}"'


@pytest.mark.parametrize("how", ["api_key_file", "variable"])
def test_the_file_may_be_at_home_and_begin_with_a_mark_of_its_encoding(how, tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TV_KEY_FILE", "~/key")
    place = {"api_key_file": "~/key"} if how == "api_key_file" else {"api_key_env": "TV_KEY"}
    server = Server(URL, **place)
    assert header_of(server) == f'MediaBrowser Token="{SECRET}"'


def test_an_authority_at_home(tmp_path, monkeypatch):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HOME", str(tmp_path))
    connect(Server(URL, api_key_env="HOME", ca_file="~/ca.pem")).close()
    with pytest.raises(SettingsError, match=r"ca_file ~nobody_of_that_name/ca\.pem: No such file"):
        connect(Server(URL, api_key_env="HOME", ca_file="~nobody_of_that_name/ca.pem"))


def test_a_missing_key_names_the_variables():
    with pytest.raises(SettingsError, match="TV_KEY, or TV_KEY_FILE to a file"):
        connect(Server(URL, api_key_env="TV_KEY"))


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    path = str(tmp_path / "nothing")
    with pytest.raises(SettingsError, match=r"nothing .api_key_file.: No such file"):
        connect(Server(URL, api_key_file=path))
    monkeypatch.setenv("TV_KEY_FILE", path)
    with pytest.raises(SettingsError, match=r"nothing .TV_KEY_FILE.: No such file"):
        connect(Server(URL, api_key_env="TV_KEY"))


@pytest.mark.parametrize(
    "value",
    [f'{SECRET}"', f"{SECRET} x", f"{SECRET}\r\nX: 1", f"{SECRET}\x00", f"{SECRET}ü", f"'{SECRET}'",
     SECRET * 100],
)  # fmt: skip
def test_a_key_that_is_none_is_refused_and_not_repeated(value, tmp_path):
    file = tmp_path / "key"
    file.write_bytes(value.encode())
    with pytest.raises(SettingsError) as caught:
        connect(Server(URL, api_key_file=str(file)))
    assert str(file) in str(caught.value)
    assert SECRET not in _everything(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe" + SECRET.encode()])
def test_an_empty_or_binary_file_is_refused(content, tmp_path):
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"is empty|is not text") as caught:
        connect(Server(URL, api_key_file=str(file)))
    assert SECRET not in _everything(caught.value)


@pytest.mark.parametrize("field", ["api_key_env", "api_key_file"])
def test_a_key_where_its_place_belongs_is_not_repeated(field):
    with pytest.raises(SettingsError, match=field) as caught:
        Server(URL, **{field: SECRET})
    assert SECRET not in str(caught.value)


def test_a_key_in_the_file_variable_is_not_repeated(monkeypatch):
    monkeypatch.setenv("TV_KEY_FILE", SECRET)
    with pytest.raises(SettingsError, match="TV_KEY_FILE") as caught:
        connect(Server(URL, api_key_env="TV_KEY"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["tv.example", "ftp://tv.example", "http://me:pw@tv.example", "http://tv.example/?a=1"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SettingsError, match="url") as caught:
        Server(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://☃.example", f"http://ü{'a' * 64}.example"])
def test_a_host_that_cannot_be_looked_up_is_refused(url):
    with pytest.raises(SettingsError, match=r"^url http://.*: expected an address whose host"):
        Server(url)


@pytest.fixture
def environ(monkeypatch):
    """Set a variable beside which there is none of a proxy."""
    monkeypatch.setenv("JFDASK_API_KEY", SECRET)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ALL_PROXY", "socks5h://me:pw@proxy:1080", "needs the package socksio"),
        ("https_proxy", "ftp://me:pw@proxy", "expected the address of a proxy"),
        ("NO_PROXY", "localhost,fd00::/8", "expected hosts or single addresses"),
    ],
)
def test_a_variable_of_a_proxy_that_cannot_be_used_is_named(variable, value, told, environ):
    environ(variable, value)
    with pytest.raises(SettingsError, match=f"environment: {variable.upper()}: .*{told}") as caught:
        connect(Server(URL))
    assert "pw" not in _everything(caught.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_file_of_certificates_of_the_environment_is_named(content, tmp_path, environ):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    environ("SSL_CERT_FILE", str(file))
    with pytest.raises(SettingsError, match=f"SSL_CERT_FILE {file}"):
        connect(Server(URL))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_ca_file_is_named(content, tmp_path):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(SettingsError, match=r"ca\.pem"):
        connect(Server(URL, ca_file=str(file)))


def _everything(error):
    """Return all that an exception holds or hangs on."""
    said = []
    while error is not None:
        said.append(repr(error) + repr(vars(error)) + repr(error.args))
        error = error.__cause__ or error.__context__
    return " ".join(said)
