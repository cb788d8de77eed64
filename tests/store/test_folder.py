import errno
import os
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from jfdask.errors import StoreError
from jfdask.store import folder as folder_module
from jfdask.store.address import StoreAddress
from jfdask.store.filesystem import Store, open_store


def names(folder: Store) -> list[str]:
    """Return what lies in the folder, temporary files too."""
    return [path.name for path in Path(folder.url).iterdir()]


def test_files_and_folders_are_private(folder: Store) -> None:
    folder.write("a/b/c", b"1")
    folder.create("a/d", b"1")
    root = Path(folder.url)
    for path in root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "OSError"),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    folder: Store, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    folder.write("a", b"old")

    def refuse(*args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folder_module.os, "open", refuse)
    with pytest.raises(StoreError, match=f"Cannot write 'a' .*{sentence}"):
        folder.write("a", b"new")
    monkeypatch.undo()
    assert folder.read("a") == b"old"
    assert names(folder) == ["a"]


def test_a_disk_that_fills_up_in_mid_file_leaves_the_old_one(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"old")

    def fill_up(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_module.os, "fsync", fill_up)
    for write in (folder.write, folder.create):
        with pytest.raises(StoreError, match="no space left"):
            write("a", b"new")
    assert folder.read("a") == b"old"
    assert names(folder) == ["a"]


def test_a_file_where_the_folder_should_be(tmp_path: Path, folder: Store) -> None:
    (tmp_path / "file").write_text("x")
    store = open_store(replace(folder.address, url=str(tmp_path / "file" / "store")))
    for call in (lambda: store.write("a", b"1"), lambda: store.create("a", b"1"), store.check):
        with pytest.raises(StoreError, match="a file is where a folder should be"):
            call()


def test_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    (tmp_path / "store").symlink_to(tmp_path / "gone")
    store = open_store(StoreAddress(str(tmp_path / "store")))
    for call in (lambda: store.write("a", b""), lambda: store.create("a", b"")):
        with pytest.raises(
            StoreError, match=r"points to .*gone, which is not there: is it mounted"
        ):
            call()


def test_folders_that_are_links_to_a_larger_disk(tmp_path: Path, folder: Store) -> None:
    folder.write("a", b"1")
    (tmp_path / "large").mkdir()
    (Path(folder.url) / "runs").symlink_to(tmp_path / "large")
    folder.write("runs/1/b", b"22")
    assert folder.sizes() == {"a": 1, "runs/1/b": 2}
    (tmp_path / "large" / "1" / ".tmp-1").write_bytes(b"half")
    assert folder.sweep(older_than_seconds=0) == 1
    assert folder.delete_all("runs/1") == 1
    assert folder.delete_all("runs") == 0
    assert list((tmp_path / "large").iterdir()) == []
    folder.write("runs/2/b", b"3")
    assert folder.list() == ["a", "runs/2/b"]


def test_a_folder_where_a_file_should_be(folder: Store) -> None:
    folder.write("a/b", b"1")
    with pytest.raises(StoreError, match="file is where a folder should be"):
        folder.write("a", b"1")
    with pytest.raises(StoreError, match="file is where a folder should be"):
        folder.read("a")


def test_a_crash_in_mid_write_leaves_the_old_file(folder: Store) -> None:
    folder.write("a", b"old")
    program = textwrap.dedent(
        f"""
        import os
        from jfdask.store import folder
        folder.os.fsync = lambda descriptor: os._exit(9)
        folder.Folder({folder.url!r}).write("a", b"new" * 100000)
        """
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert folder.read("a") == b"old"
    assert folder.list() == ["a"]
    assert folder.children() == ["a"]
    # What is left of it is out of sight, and goes when it is old.
    assert len(names(folder)) == 2
    assert folder.sweep(older_than_seconds=3600) == 0
    assert folder.sweep(older_than_seconds=0) == 1
    assert names(folder) == ["a"]


def test_a_volume_without_hard_links(folder: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(folder_module.os, "link", refuse)
    folder.create("a", b"mine")
    with pytest.raises(FileExistsError):
        folder.create("a", b"yours")
    assert folder.read("a") == b"mine"
    assert folder.creates_exclusively()


def test_a_file_that_vanishes_hides_no_other(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        folder.write(f"a/{i}", b"x")
    real = os.scandir

    class Vanishing:
        def __init__(self, path: object) -> None:
            self.entries = list(real(path))  # type: ignore[call-overload]

        def __enter__(self) -> object:
            for entry in self.entries[:1]:
                if entry.is_file():
                    Path(entry.path).unlink()
            return iter(self.entries)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Vanishing)
    assert len(folder.list("a")) == 4


def test_delete_all_takes_what_a_crash_left_with_it(folder: Store) -> None:
    folder.write("people/u1/a", b"1")
    (Path(folder.url) / "people" / "u1" / ".tmp-1").write_bytes(b"half")
    folder.delete_all("people/u1")
    assert not (Path(folder.url) / "people" / "u1").exists()
