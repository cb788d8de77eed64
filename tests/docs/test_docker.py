"""docs/docker.md against compose.yaml and the code."""

import re
import shlex

import pytest
import yaml

from jfdask.configuration import load_settings
from jfdask.nightly import health, process, service
from jobs.__main__ import INTERRUPTED, TERMINATED

from .test_commands import parse

PAGE = "docs/docker.md"
#: Of Compose, what the page uses: options that take a value, and that take none.
COMPOSE = {
    "build": ((), ()),
    "up": ((), ("--detach", "--build")),
    "run": ((), ("--rm",)),
    "exec": ((), ()),
    "logs": (("--tail",), ()),
    "ps": ((), ()),
    "stop": ((), ()),
    "down": ((), ()),
    "version": ((), ()),
}


@pytest.fixture(scope="module")
def compose(pages):
    return yaml.safe_load((pages.root / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shown(pages):
    """Every line of the page that asks Docker, and every Compose line of the others, as words."""
    lines = pages.typed()
    lines += [(page, code) for page in pages.texts for code in pages.code(page)]
    words = [
        shlex.split(line, comments=True)
        for page, line in lines
        if line.startswith("docker " if page == PAGE else "docker compose ")
    ]
    assert len(words) > 10
    return words


def split(words, services):
    """Return subcommand, service and what is run in it; AssertionError for what is no such line."""
    assert words[:2] == ["docker", "compose"], words
    name, *rest = words[2:]
    with_value, without = COMPOSE[name]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        assert option in (*with_value, *without), f"{name} {option}"
        if option in with_value:
            rest.pop(0)
    target = rest.pop(0) if rest else None
    assert target is None or target in services, target
    assert name not in ("run", "exec") or target
    return name, target, rest


def test_every_compose_line_can_be_typed(shown, compose, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ml-latest.zip").touch()
    for words in shown:
        name, _, inside = split(words, compose["services"])
        if name == "exec":
            # The entry point is not used: the program is named.
            assert inside.pop(0) == "jfdask"
        if name in ("run", "exec"):
            parse(inside)
        else:
            assert inside == []


@pytest.mark.parametrize(
    "line",
    [
        "docker compose dance",
        "docker compose exec nobody jfdask runs",
        "docker compose up --no-such",
        "docker run jfdask",
    ],
)
def test_a_mistaken_line_is_noticed(line, compose):
    with pytest.raises((AssertionError, KeyError)):
        split(shlex.split(line), compose["services"])


def test_every_env_file_shown_is_one(pages, compose, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (pages.root / "compose.yaml").read_text(encoding="utf-8")
    blocks = pages.blocks("dotenv")
    assert len(blocks) == 3
    for block in blocks:
        found = dict(word.split("=", 1) for word in shlex.split(block.text, comments=True))
        for name in found:
            assert name.startswith("JFDASK_") or f"${{{name}:-" in text, name
        ours = {name: value for name, value in found.items() if name.startswith("JFDASK_")}
        if "JFDASK_CONFIG" not in ours:
            assert load_settings(None, ours).households


def test_the_table_is_what_compose_says(pages):
    text = (pages.root / "compose.yaml").read_text(encoding="utf-8")
    said = dict(re.findall(r"\$\{(\w+):?-([^}]*)\}", text))
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", pages[PAGE], flags=re.MULTILINE)
    assert dict(rows) == said
    # And what the file's own head names.
    head = text.partition("services:")[0]
    others = {name for name in said if not name.startswith("JFDASK_")}
    assert set(re.findall(r"^#   ([A-Z_]+) ", head, flags=re.MULTILINE)) == others


def test_its_numbers_are_the_codes(pages):
    page = re.sub(r"\s+", " ", pages[PAGE])
    hours = health.NIGHT.total_seconds() / 3600
    told = [
        f"within the last {hours:.0f} hours",
        f"at least every {service.STEP_SECONDS:.0f} s",
        f"older than {health.ALIVE.total_seconds() / 60:.0f} minutes is not alive",
        f"has not ended after {process.STOP_SECONDS:.0f} s is killed",
        f"exit code {TERMINATED} ({INTERRUPTED} after Ctrl-C)",
        "every exit code but 0, 3 (",
        "as the kernel does when memory runs out",
    ]
    assert {0, 3, 75} == health.WELL
    assert [sentence for sentence in told if sentence not in page] == []
