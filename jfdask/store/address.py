"""Where a store is, as it travels to workers: picklable, and without any secret in it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jfdask.errors import SettingsError
from jfdask.settings import StoreSettings, at_home

_ONE_SLASH = re.compile(r"[a-z][a-z0-9+.-]+:/(?!/)", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOKS_LIKE_A_KEY = re.compile(r"[A-Za-z0-9]{16,}")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A store's address and how to speak to it. Secrets are read by whoever opens it."""

    url: str  # an absolute folder (no scheme), or scheme://…
    endpoint_url: str | None = None  # of an S3 service other than Amazon's
    region: str | None = None
    key_env: str | None = None  # variable with the S3 access key id
    secret_env: str | None = None  # variable with the S3 secret key
    timeout_seconds: float = 60.0  # deadline of one call
    single_writer: bool = False  # the user vouches that nobody else writes

    @property
    def is_folder(self) -> bool:
        """It is a folder: workers on other machines see it only if it is shared with them."""
        return "://" not in self.url

    @property
    def is_s3(self) -> bool:
        """It is an S3 bucket, Amazon's or another's."""
        return self.url.startswith(("s3://", "s3a://"))


def address_of(settings: StoreSettings) -> StoreAddress:
    """Return the address that the settings give; a relative folder becomes absolute here.

    Raises
    ------
    SettingsError
        The URL holds a secret, a query or a chain, or S3's settings stand beside another URL.
    """
    url = _absolute(settings.url)
    address = StoreAddress(
        url=url,
        endpoint_url=settings.endpoint_url,
        region=settings.region,
        key_env=settings.key_env,
        secret_env=settings.secret_env,
        timeout_seconds=settings.timeout_seconds,
        single_writer=settings.single_writer,
    )
    for name in ("key_env", "secret_env"):
        variable = getattr(address, name) or "X"
        if not _VARIABLE.fullmatch(variable) or _LOOKS_LIKE_A_KEY.fullmatch(variable):
            # Not quoted: it is what it should name.
            raise SettingsError(
                f"store.{name} must be the name of an environment variable, not the key itself; "
                "a name of 16 letters or more needs an underscore."
            )
    if bool(address.key_env) != bool(address.secret_env):
        raise SettingsError(
            "store: key_env and secret_env belong together: set both, or neither to use the "
            "usual AWS variables and files."
        )
    for name in ("endpoint_url", "region", "key_env"):
        if getattr(address, name) and not address.is_s3:
            raise SettingsError(f"store.{name} belongs to s3:// only, not to {address.url}.")
    return address


def _absolute(url: str) -> str:
    if not url.strip():
        raise SettingsError("store.url is empty: expected a folder or an address such as s3://….")
    if _ONE_SLASH.match(url):
        # Not quoted, here and below: it may hold a password.
        raise SettingsError("store.url: an address has two slashes behind its colon: s3://….")
    if "://" not in url:
        folder = at_home(url)
        if url.startswith("~") and str(folder).startswith("~"):
            raise SettingsError(
                f"store.url: {url}: that user has no home folder here. Write the folder out."
            )
        return str(folder.absolute())
    parts = urlsplit(url)
    if "::" in url or "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            "store.url: expected a plain address, without user, password, query or '::'."
        )
    if parts.scheme not in ("file", "local") and set("*?[") & set(url):
        raise SettingsError(
            f"store.url: {url}: '*', '?' and '[' stand for other names where objects are deleted, "
            "other stores' among them. Choose a prefix without them."
        )
    if parts.scheme in ("file", "local"):
        if parts.netloc not in ("", "localhost"):
            raise SettingsError(f"store.url: {url}: a file:// address names no host: file:///….")
        return str(Path(unquote(parts.path)).absolute())
    if parts.scheme in ("s3", "s3a") and not parts.netloc:
        raise SettingsError(f"store.url: {url}: the bucket is missing: s3://bucket/prefix.")
    return url.rstrip("/")


def read_credentials(address: StoreAddress) -> dict[str, Any]:
    """Return what the settings' variables hold, for the file system only; never log it.

    ``NAME_FILE`` may name a file that holds the value. Without names the result is empty and
    the usual AWS variables and files are used.

    Raises
    ------
    SettingsError
        A variable that the settings name is not set, or its file cannot be read.
    """
    if not address.key_env or not address.secret_env:
        return {}
    return {
        "key": _secret("store.key_env", address.key_env),
        "secret": _secret("store.secret_env", address.secret_env),
    }


def _secret(setting: str, variable: str) -> str:
    value = os.environ.get(variable, "")
    file = os.environ.get(f"{variable}_FILE")
    if not value and file:
        try:
            # Some editors begin a file with a mark of its encoding.
            value = at_home(file).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{setting}: the file that {variable}_FILE names cannot be read "
                f"({type(error).__name__})."
            ) from None
    if not value:
        raise SettingsError(
            f"{setting} names the variable {variable}, which is not set here, nor is "
            f"{variable}_FILE. Set one of them on every machine that opens the store."
        )
    return value
