"""A store in a folder that is full, read-only, or gone. The disks are real ones, of memory."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from .nights import BEGUN, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.server,
    pytest.mark.timeout(900),
]


class Disk:
    """A file system of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mount(self, *options: str) -> None:
        path = str(self.path)
        subprocess.run(
            ["mount", *(options or ("-t", "tmpfs", "-o", "size=32m", "tmpfs")), path], check=True
        )

    def fill(self) -> None:
        """Leave not one byte."""
        with (self.path / "ballast").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"0" * 4096)
            except OSError:
                return

    def make_room(self) -> None:
        (self.path / "ballast").unlink()

    def turn_read_only(self) -> None:
        """As a kernel does on an error of the disk; not while a file is being written."""

        def done() -> bool:
            command = ["mount", "-o", "remount,ro", str(self.path)]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0

        until(done, "a moment without a file being written")

    def turn_writable(self) -> None:
        self.mount("-o", "remount,rw")

    def pull_out(self) -> None:
        """Let the folder be there without its files."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path):
    """A disk; skipped where none can be mounted, which takes root."""
    disk = Disk(tmp_path / "disk")
    disk.path.mkdir()
    try:
        disk.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield disk
    while os.path.ismount(disk.path):
        disk.pull_out()


@pytest.fixture
def on_disk(disk, next_night):
    """Yesterday's store on that disk."""
    shutil.copytree(next_night.store_settings["url"], disk.path / "store")
    return replace(next_night, store_settings={"url": str(disk.path / "store")})


def in_the_middle_of(stage, house, night):
    """Wait until a night is in the middle of a stage."""
    stage_of_run = Path(house.store.url, "runs", night.run_id(), stage)
    until(lambda: any(stage_of_run.glob(BEGUN[stage])), f"a file of {stage}")


def is_as_before(house, before, lists):
    return (house.latest(), house.result(before)["recommend"], house.damages()) == (
        before,
        lists,
        [],
    )


@pytest.mark.parametrize("stage", [None, "featurize", "train"])
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_nothing_can_be_written_any_more(disk, on_disk, undisturbed, fault, stage):
    before, lists = on_disk.latest(), on_disk.result()["recommend"]
    spoil = {"full": disk.fill, "read-only": disk.turn_read_only}[fault]
    mend = {"full": disk.make_room, "read-only": disk.turn_writable}[fault]
    if stage is None:
        spoil()
        night = on_disk.run()
    else:
        with on_disk.night() as night:
            in_the_middle_of(stage, on_disk, night)
            spoil()
            night.end()
    assert night.code == 1, night.told
    assert {"full": "no space left. Make room", "read-only": "it is read-only"}[fault] in night.told
    assert "Traceback" not in night.told
    assert is_as_before(on_disk, before, lists)
    mend()
    assert list(disk.path.rglob(".tmp-*")) == []
    if on_disk.store.exists("lock"):
        on_disk.expire_lock()
    after = on_disk.run()
    assert after.code == 0, after.told
    assert on_disk.result() == undisturbed
    assert on_disk.damages() == []


def test_the_disk_is_pulled_out(disk, on_disk, undisturbed):
    before, lists = on_disk.latest(), on_disk.result()["recommend"]
    copy = disk.path.parent / "copy"
    with on_disk.night() as night:
        in_the_middle_of("featurize", on_disk, night)
        shutil.copytree(disk.path, copy, ignore=shutil.ignore_patterns(".tmp-*"))
        disk.pull_out()
        assert night.end() == 1, night.told
    assert "The lock is gone from the store" in night.told
    # Nobody is to take what lies in the empty folder for a store.
    assert not (disk.path / "store" / "latest").exists()
    # Plugged in again.
    on_disk = replace(on_disk, store_settings={"url": str(copy / "store")})
    assert is_as_before(on_disk, before, lists)
    on_disk.expire_lock()
    after = on_disk.run()
    assert after.code == 0, after.told
    assert on_disk.result() == undisturbed
    assert on_disk.damages() == []


def test_a_quota_of_bytes_a_file(next_night, undisturbed):
    """Real for those who cannot mount: no file may grow beyond some kilobytes."""
    import resource

    before, lists = next_night.latest(), next_night.result()["recommend"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    night = next_night.run(prepare=limit)
    assert night.code in (1, 3), night.told
    assert "no space left" in night.told
    assert next_night.damages() == []
    if night.code == 1:
        assert is_as_before(next_night, before, lists)
    after = next_night.run()
    assert after.code == 0, after.told
    assert next_night.result() == undisturbed
    assert next_night.damages() == []
