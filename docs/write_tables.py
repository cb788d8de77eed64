"""Writes what the pages take from the code: `python docs/write_tables.py`.

A generated part stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; everything else of a
page is written by hand. The tests fail when a page and the code differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jfdask.configuration import ENV_PREFIX
from jfdask.settings import Settings
from jfdask.tables import TABLES, Table

DOCS = Path(__file__).resolve().parent
SCHEMA = Settings.model_json_schema()


def settings_tables() -> str:
    """Return a table for each section of the settings file."""
    parts = []
    for name, schema in SCHEMA["properties"].items():
        is_list = schema.get("type") == "array"
        model = SCHEMA["$defs"][_reference(schema["items"] if is_list else schema)]
        rows = ["| key | what | default | meaning | variable |", "|---|---|---|---|---|"]
        for key, value in model["properties"].items():
            default = "**required**" if key in model.get("required", ()) else _default(value)
            variable = f"{ENV_PREFIX}{name.upper()}"
            # A list is one variable, as JSON.
            where = f"in `{variable}`" if is_list else f"`{variable}__{key.upper()}`"
            cells = (f"`{key}`", _kind(value), default, _cell(value["description"]), where)
            rows.append(f"| {' | '.join(cells)} |")
        title = f"[[{name}]]" if is_list else f"[{name}]"
        parts.append(f"### `{title}`\n\n{model['description']}\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def column_table(table: Table) -> str:
    """Return a table of the columns of one of jfdask's tables."""
    rows = ["| column | type | meaning |", "|---|---|---|"]
    for column in table.columns:
        key = " (the key: unique, sorted)" if column.name == table.key else ""
        kind = str(column.type).replace("item: ", "")
        rows.append(f"| `{column.name}` | `{kind}` | {_cell(column.meaning)}{key} |")
    return "\n".join(rows)


def pages() -> dict[Path, str]:
    """Return each page with generated parts as it should be."""
    parts = {"settings": settings_tables()}
    parts |= {f"columns of {table.name}": column_table(table) for table in TABLES}
    return {
        path: _filled(path.read_text(encoding="utf-8"), parts) for path in sorted(DOCS.glob("*.md"))
    }


def _filled(page: str, parts: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- {name} -->\n{parts[name]}\n<!-- /{name} -->"

    return re.sub(r"<!-- (?P<name>[\w ]+) -->\n.*?<!-- /(?P=name) -->", fill, page, flags=re.DOTALL)


def _reference(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _default(schema: Mapping[str, Any]) -> str:
    default = schema["default"]
    if default is None or default == []:
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default}`"


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what a value has to be, in words."""
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in schema:
        return " or ".join(f'`"{value}"`' for value in schema["enum"])
    if schema["type"] == "array":
        return "list of texts"
    if schema["type"] == "object":
        return "table of lists"
    if schema["type"] in ("integer", "number"):
        kind = "whole number" if schema["type"] == "integer" else "number"
        return f"{kind}{_range(schema)}"
    if schema["type"] == "boolean":
        return "`true` or `false`"
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    return "path" if schema.get("format") == "path" else "text"


def _range(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    bounds = []
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        bounds.append(f"{low} or more")
    if above is not None:
        bounds.append(f"above {above}")
    if high is not None:
        bounds.append(f"at most {high}")
    if below is not None:
        bounds.append(f"below {below}")
    return f", {', '.join(bounds)}" if bounds else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for _path, _text in pages().items():
        _path.write_text(_text, encoding="utf-8")
