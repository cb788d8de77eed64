import pickle
from pathlib import Path

import pytest

from jfdask.errors import SettingsError
from jfdask.settings import StoreSettings
from jfdask.store.address import StoreAddress, address_of, read_credentials


def test_a_relative_folder_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = address_of(StoreSettings(url="mine/store"))
    assert address.url == str(tmp_path / "mine" / "store")
    assert address.is_folder


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///var/films", "/var/films"),
        ("file:///var/my%20films", "/var/my films"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("memory://x", "memory://x"),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert address_of(StoreSettings(url=url)).url == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3://",
        "s3:/me:hush@bucket",
        "file:/srv/store",
        "s3://me:hush@bucket/x",
        "s3://b/x?key=hush",
        "simplecache::s3://b",
        "file://h/x",
    ],
)
def test_refused_urls_show_no_secret(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        address_of(StoreSettings(url=url))
    assert "hush" not in str(caught.value)


def test_the_home_folder_of_nobody_is_said() -> None:
    with pytest.raises(SettingsError, match="has no home folder here"):
        address_of(StoreSettings(url="~nosuchuser/store"))
    assert address_of(StoreSettings(url="~/store")).url == str(Path.home() / "store")
    assert address_of(StoreSettings(url="./~store")).url == str(Path.cwd() / "~store")


@pytest.mark.parametrize("url", ["s3://b/films*", "s3://b/films?", "s3://b/films[1]", "gs://b/*/x"])
def test_a_prefix_that_stands_for_others_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="Choose a prefix without them"):
        address_of(StoreSettings(url=url))
    assert address_of(StoreSettings(url="/films[1]*?")).url == "/films[1]*?"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "s3://b", "key_env": "K"}, "belong together"),
        ({"url": "s3://b", "key_env": "AKIAIOSFODNN7EXAMPLE"}, "key_env must be the name"),
        ({"url": "s3://b", "secret_env": "wJalrXUtnFEMI/K7MDENG"}, "secret_env must be the name"),
        ({"url": "s3://b", "secret_env": "K"}, "belong together"),
        ({"url": "x", "endpoint_url": "http://h"}, "endpoint_url belongs to s3"),
        ({"url": "x", "region": "eu"}, "region belongs to s3"),
    ],
)
def test_settings_that_do_not_go_together(options: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        address_of(StoreSettings.model_validate(options))
    assert "AKIA" not in str(caught.value)
    assert "wJalr" not in str(caught.value)


def test_secrets_are_read_when_needed_and_are_not_in_the_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("\ufeffhush-2\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MY_KEY", "hush-1")
    monkeypatch.setenv("MY_SECRET_FILE", "~/secret")
    settings = StoreSettings(url="s3://b", key_env="MY_KEY", secret_env="MY_SECRET")
    address = address_of(settings)
    assert read_credentials(address) == {"key": "hush-1", "secret": "hush-2"}
    assert "hush" not in repr(address)
    assert b"hush" not in pickle.dumps(address)


def test_without_names_the_usual_variables_are_used() -> None:
    assert read_credentials(StoreAddress("s3://b")) == {}


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_KEY", "hush-1")
    address = StoreAddress("s3://b", key_env="MY_KEY", secret_env="MY_SECRET")
    with pytest.raises(SettingsError, match="MY_SECRET, which is not set"):
        read_credentials(address)
    monkeypatch.setenv("MY_SECRET_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="MY_SECRET_FILE names cannot be read") as caught:
        read_credentials(address)
    assert "hush" not in str(caught.value)
