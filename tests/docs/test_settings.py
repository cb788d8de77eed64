import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jfdask.configuration import load_settings
from jfdask.errors import SettingsError
from jfdask.model.forest import FOREST_PARAMETERS
from jfdask.model.grid import SEED_GRID
from jfdask.settings import Household, Settings
from jfdask.stages import train


def sections() -> dict[str, type[BaseModel]]:
    found: dict[str, Any] = {name: f.annotation for name, f in Settings.model_fields.items()}
    return {**found, "households": Household}


def rows_of(page: str, section: str) -> dict[str, list[str]]:
    """Return the cells of a section's table by key."""
    title = r"\[\[households\]\]" if section == "households" else rf"\[{section}\]"
    part = re.split(rf"^### `{title}`$", page, flags=re.MULTILINE)[1].partition("\n##")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("section", sections())
def test_every_key_has_its_default_meaning_and_variable(pages, section):
    rows = rows_of(pages["docs/settings.md"], section)
    fields = sections()[section].model_fields
    assert list(rows) == list(fields)
    for key, info in fields.items():
        _, kind, default, meaning, variable = rows[key]
        assert info.description, f"{section}.{key} has no description"
        assert meaning == info.description
        assert kind
        assert default == expected_default(info)
        name = f"JFDASK_{section.upper()}"
        assert variable.endswith(
            f"`{name}`" if section == "households" else f"`{name}__{key.upper()}`"
        )


def expected_default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    if info.default in (None, ()):
        return "none"
    if isinstance(info.default, str):
        return f'`"{info.default}"`'
    return f"`{str(info.default).lower()}`"


def test_a_variable_of_the_table_sets_its_key(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = pages["docs/settings.md"]
    for section in sections().keys() - {"households"}:
        for key, cells in rows_of(page, section).items():
            if re.fullmatch(r"`\d.*`", cells[2]):
                settings = load_settings(None, {cells[4].strip("`"): cells[2].strip("`")})
                assert section in settings.model_fields_set
                assert key in getattr(settings, section).model_fields_set


def test_every_key_named_in_prose_exists(pages):
    known = {f"{s}.{key}" for s, model in sections().items() for key in model.model_fields}
    pattern = re.compile(rf"(?:{'|'.join(sections())})\.[a-z_]+")
    names = {n for page in pages.texts for n in pages.code(page) if pattern.fullmatch(n)}
    assert len(names) > 10
    assert names - known == set()


def test_every_settings_file_shown_is_one(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = pages.blocks("toml")
    assert {block.page for block in blocks} >= {"README.md", "docs/settings.md", "docs/clusters.md"}
    for block in blocks:
        path = tmp_path / "jfdask.toml"
        path.write_text(block.text, encoding="utf-8")
        settings = load_settings(path, {})
        assert settings.households, block.text
        train.check(settings)  # the grid, too


def test_every_environment_shown_is_one(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environments = []
    for block in pages.blocks("sh"):
        words = shlex.split(block.text, comments=True)
        found = dict(word.split("=", 1) for word in words if re.match(r"JFDASK_\w+=", word))
        if found:
            environments.append(load_settings(None, found))
    assert len(environments) >= 2
    assert all(settings.households for settings in environments)


def test_every_jfdask_variable_named_is_known(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {
        name.rstrip("_")
        for page in pages.texts
        for name in re.findall(r"JFDASK_[A-Z_]+", pages[page].replace("JFDASK_STORE__KEP", ""))
    }
    assert {"JFDASK_URL", "JFDASK_API_KEY", "JFDASK_CONFIG", "JFDASK_USERS"} <= names
    for name in names - {"JFDASK"}:
        try:
            load_settings(Path("none.toml") if name == "JFDASK_CONFIG" else None, {name: "1"})
        except SettingsError as error:
            assert "unknown" not in str(error)  # noqa: PT017
        except ValueError as error:
            assert name == "JFDASK_HOUSEHOLDS", error  # noqa: PT017


def test_the_mistakes_shown_are_told_so(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jfdask.toml").write_text("[store]\nkep = 3\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"JFDASK_STORE__KEEP": "0"})
    shown = next(b.text for b in pages.blocks("console") if "kep" in b.text)
    assert shown.partition("\n")[2] == f"jfdask: {caught.value}\n"


def test_the_parameters_of_a_grid_are_named(pages):
    code = pages.code("docs/settings.md")
    assert set(FOREST_PARAMETERS) <= code
    assert set(SEED_GRID) <= code
