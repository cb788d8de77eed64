import re
import shlex
from itertools import pairwise
from pathlib import Path

import click
import pytest

from jobs.__main__ import COMMANDS, jfdask

ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def parse(words: list[str]) -> None:
    """Parse a command line as click would before it does anything; UsageError if it is none."""
    command: click.Command = jfdask
    context: click.Context | None = None
    while True:
        try:
            context = command.make_context(command.name or "jfdask", list(words), parent=context)
        except click.exceptions.Exit:
            return  # --help, --version
        words = [*context._protected_args, *context.args]
        if not isinstance(command, click.Group) or not words:
            return
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found


def after_jfdask(line: str) -> list[str] | None:
    """Return the words after ``jfdask`` up to a redirection; None if that is not what is run."""
    words = shlex.split(line, comments=True)
    while words and ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if not words or words[0].rpartition("/")[2] != "jfdask":
        return None
    end = next((i for i, word in enumerate(words) if re.match(r"\d*[>|&]", word)), len(words))
    return words[1:end]


@pytest.fixture
def shown(pages) -> list[tuple[str, list[str]]]:
    """Every jfdask command line of the pages."""
    lines = pages.typed()
    # A crontab's line, a unit's ExecStart.
    lines += [
        (block.page, "jfdask" + line.partition("bin/jfdask")[2])
        for block in pages.blocks("text", "ini")
        for line in block.text.splitlines()
        if "bin/jfdask " in line
    ]
    lines += [(p, c) for p in pages.texts for c in pages.code(p) if c.startswith("jfdask ")]
    found = [(f"{page}: {line}", after_jfdask(line)) for page, line in lines]
    return [(where, words) for where, words in found if words is not None]


def test_every_command_line_shown_can_be_typed(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(shown) > 15
    problems = []
    for where, words in shown:
        if len(words) == 1 and words[0] in COMMANDS:
            continue  # spoken of, without what it works on
        for option, value in pairwise(words):
            if option in ("--key-file", "--ratings"):
                Path(value).touch()
        try:
            parse(words)
        except click.ClickException as error:
            problems.append(f"{where}: {error.format_message()}")
    assert problems == []


@pytest.mark.parametrize(
    "line",
    ["jfdask run --no-such-option", "jfdask dance", "jfdask show", "jfdask check --workers few"],
)
def test_a_mistaken_line_is_noticed(line):
    with pytest.raises(click.ClickException):
        parse(after_jfdask(line))


def test_the_readme_names_every_command(pages):
    named = {code.split()[1] for code in pages.code("README.md") if code.startswith("jfdask ")}
    assert named >= set(COMMANDS)


def test_every_make_target_shown_exists(pages):
    makefile = (pages.root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    shown = {line.split()[1] for _, line in pages.typed() if line.startswith("make ")} | {
        code.split()[1]
        for page in pages.texts
        for code in pages.code(page)
        if re.fullmatch(r"make [a-z-]+", code)
    }
    assert shown >= {"demo", "test"}
    assert shown - targets == set()


def test_every_option_named_exists(pages):
    context = click.Context(jfdask)
    commands = [jfdask.get_command(context, name) for name in jfdask.list_commands(context)]
    options = {
        option
        for command in [jfdask, *commands]
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
    } | {"--help"}
    named = {
        code.split()[0]
        for page in pages.texts
        for code in pages.code(page)
        if code.startswith("--")
    }
    assert named
    assert named - options == set()
