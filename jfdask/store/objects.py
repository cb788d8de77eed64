"""Any fsspec file system as object store, S3 first of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fsspec

from jfdask.store.address import StoreAddress
from jfdask.store.failures import code_of, is_refused_create

_BULK = 1000  # keys that S3 deletes in one call


class Objects:
    """Keys below a URL. Errors are the file system's own; keys have been checked before."""

    def __init__(self, address: StoreAddress, credentials: dict[str, Any]) -> None:
        scheme, _, path = address.url.partition("://")
        options = _s3_options(address, credentials) if address.is_s3 else {}
        self._fs = fsspec.filesystem(
            scheme, use_listings_cache=False, skip_instance_cache=True, **options
        )
        self._is_s3 = address.is_s3
        self._root = self._fs._strip_protocol(f"{scheme}://{path}").rstrip("/")
        # An asynchronous file system cancels a call at its deadline; the caller's own deadline
        # only stops waiting for it.
        self._timeout = {"timeout": address.timeout_seconds} if self._fs.async_impl else {}
        # One GET instead of HEAD and GET.
        self._read_options = {"max_concurrency": 1} if address.is_s3 else {}

    def read(self, key: str) -> bytes:
        """Return the object's bytes."""
        return bytes(self._fs.cat_file(self._path(key), **self._read_options, **self._timeout))

    def write(self, key: str, data: bytes) -> None:
        """Replace the object as a whole."""
        self._fs.pipe_file(self._path(key), data, **self._timeout)

    def create(self, key: str, data: bytes) -> None:
        """Write the object if there is none; FileExistsError otherwise."""
        try:
            self._fs.pipe_file(self._path(key), data, mode="create", **self._timeout)
        except Exception as error:
            if is_refused_create(error):
                raise FileExistsError(key) from error
            raise

    def exists(self, key: str) -> bool:
        """Tell whether the object is there."""
        try:
            return self._fs.info(self._path(key), **self._timeout)["type"] == "file"
        except FileNotFoundError:
            return False

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return key and size in bytes of every object below a prefix."""
        try:
            found = self._fs.find(self._path(prefix), detail=True, **self._timeout)
        except FileNotFoundError as error:
            if _is_missing_bucket(error):
                raise
            return {}
        sizes = {self._key(path): int(info["size"]) for path, info in found.items()}
        sizes.pop("", None)  # an object that stands for the store's own folder
        return sizes

    def children(self, prefix: str) -> list[str]:
        """Return the names right below a prefix."""
        try:
            found = self._fs.ls(self._path(prefix), detail=False, **self._timeout)
        except FileNotFoundError as error:
            if _is_missing_bucket(error):
                raise
            return []
        paths = {path.rstrip("/") for path in found} - {self._path(prefix)}
        return [path.rpartition("/")[2] for path in paths]

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are no mistake."""
        paths = [self._path(key) for key in keys]
        if self._is_s3:
            self._delete_in_bucket(paths)
        elif self._fs.async_impl:
            self._fs.rm(paths, **self._timeout)
        else:
            for path in paths:
                try:
                    self._fs.rm_file(path)
                except FileNotFoundError:
                    continue

    def _delete_in_bucket(self, paths: Sequence[str]) -> None:
        # Not s3fs' rm: it says nothing of what the service refuses, and cuts the '/' off the name
        # of an object that stands for a folder.
        names = [self._fs.split_path(path)[:2] for path in paths]
        for start in range(0, len(names), _BULK):
            some = names[start : start + _BULK]
            if len(some) > 1:
                try:
                    self._delete_together(some)
                except Exception as error:
                    # Older services ask for a checksum that is not made any more.
                    if code_of(error) != "MissingContentMD5":
                        raise
                else:
                    continue
            for bucket, key in some:
                try:
                    self._fs.call_s3("delete_object", Bucket=bucket, Key=key, **self._timeout)
                except FileNotFoundError as error:
                    # By some services; most say nothing of an object that is not there.
                    if code_of(error) == "NoSuchBucket":
                        raise

    def _delete_together(self, names: Sequence[tuple[str, str]]) -> None:
        wanted = {"Objects": [{"Key": key} for _, key in names], "Quiet": True}
        bucket = names[0][0]
        answer = self._fs.call_s3("delete_objects", Bucket=bucket, Delete=wanted, **self._timeout)
        if refused := [e for e in answer.get("Errors", ()) if e.get("Code") != "NoSuchKey"]:
            first = refused[0]
            what = f"{first.get('Key')}: {first.get('Code')}: {first.get('Message')}"
            if first.get("Code") == "AccessDenied":
                raise PermissionError(what)
            raise OSError(what)

    def remove_tree(self, prefix: str) -> None:
        """Do nothing: a prefix without objects is none."""

    def copy(self, source: str, target: str) -> None:
        """Copy an object without its bytes coming here, where the service can."""
        self._fs.cp_file(self._path(source), self._path(target), **self._timeout)

    def sweep(self, older_than_seconds: float) -> int:  # noqa: ARG002
        """Do nothing: an upload is whole or not there."""
        return 0

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else str(self._root)

    def _key(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")


def _is_missing_bucket(error: BaseException) -> bool:
    return "NoSuchBucket" in repr(error.__cause__)


def _s3_options(address: StoreAddress, credentials: dict[str, Any]) -> dict[str, Any]:
    seconds = address.timeout_seconds
    options: dict[str, Any] = {
        **credentials,
        "anon": False,
        "config_kwargs": {
            "connect_timeout": min(10.0, seconds),
            "read_timeout": seconds,
            "max_pool_connections": 32,
            # Checksums by default are newer than many an S3 service; ours are in the manifests.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
    }
    if address.endpoint_url:
        options["endpoint_url"] = address.endpoint_url
    if address.region:
        options["client_kwargs"] = {"region_name": address.region}
    return options
