import re
import subprocess
from fnmatch import fnmatch

from .conftest import ROOT

DOCKERFILE = ROOT / "k8s" / "Dockerfile"


def stages():
    """Return the instructions of each stage, a line each."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    return [part.splitlines() for part in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]]


def copied():
    """Return the files and folders that the image is made of."""
    return [
        source
        for stage in stages()
        for line in stage
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]


def test_hadolint_has_nothing_to_say():
    done = subprocess.run(["hadolint", DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mistake_is_noticed(tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN pip install dask\n")
    done = subprocess.run(["hadolint", wrong], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DL3006" in done.stdout


def test_everything_installed_is_pinned():
    for stage in stages():
        for line in stage:
            for command in re.findall(r"pip (?:install|wheel) [^&]*", line):
                is_ours = command.rstrip().endswith(" .")
                assert is_ours or "--require-hashes" in command or "--no-index" in command, command
            assert "--no-build-isolation" in line or "pip wheel" not in line


def test_the_last_stage_has_no_compiler_and_no_root():
    first, last = stages()
    assert "slim" not in first[0]
    assert "-slim-" in last[0]
    assert not any("apt" in line for line in last)
    assert [line for line in last if line.startswith("USER")][-1] == "USER 10001:10001"
    assert 'ENTRYPOINT ["jfdask"]' in last
    # One Python in both: a wheel is made for one.
    assert "python:${PYTHON}-" in first[0]
    assert "python:${PYTHON}-" in last[0]


def test_what_is_copied_exists_and_is_let_through():
    # Lock files are written by scripts/lock.sh.
    written = re.findall(r"-o (\S+\.lock)", (ROOT / "scripts/lock.sh").read_text(encoding="utf-8"))
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = {line[1:] for line in ignore if line.startswith("!")}
    assert ignore[1] == "*"
    for source in copied():
        assert source in written or (ROOT / source).exists(), source
        assert any(fnmatch(source, one) for one in admitted), source
    assert set(copied()) == admitted


def test_no_secret_is_let_through():
    assert not any(word in source for source in copied() for word in ("key", "secret", ".env"))
