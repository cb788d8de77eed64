"""The pages, taken apart: what is a command, a settings file, a link."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    text: str


@dataclass(frozen=True)
class Pages:
    """All pages by their path from the project's root."""

    texts: dict[str, str]
    root: Path = ROOT

    def __getitem__(self, name: str) -> str:
        return self.texts[name]

    def blocks(self, *languages: str) -> list[Block]:
        return [block for block in self._blocks if block.language in languages]

    @cached_property
    def _blocks(self) -> list[Block]:
        fence = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
        return [
            Block(name, language, text)
            for name, page in self.texts.items()
            for language, text in fence.findall(page)
        ]

    def prose(self, name: str) -> str:
        """Return a page without its fenced blocks."""
        return re.sub(r"^```.*?^```$", "", self.texts[name], flags=re.DOTALL | re.MULTILINE)

    def code(self, name: str) -> set[str]:
        """Return what stands between single backticks on a page."""
        return set(re.findall(r"`([^`\n]+)`", self.prose(name)))

    def typed(self) -> list[tuple[str, str]]:
        """Return what a reader is to type into a shell: (page, line) of all blocks."""
        lines = []
        for block in self.blocks("sh", "console"):
            for line in block.text.replace("\\\n", " ").splitlines():
                if block.language == "console":
                    if not line.startswith("$ "):
                        continue
                    line = line[2:]
                if line.strip() and not line.startswith("#"):
                    lines.append((block.page, line))
        return lines


@pytest.fixture(scope="session")
def pages() -> Pages:
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    texts = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in paths}
    return Pages(texts)
