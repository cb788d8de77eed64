"""Reading the settings: a TOML file, ``JFDASK_…`` environment variables, the command line.

A key of the file, ``[store] url = "…"``, is ``JFDASK_STORE__URL`` in the environment, which
wins over the file; an option of the command line wins over both. A household can be given by
the environment alone: ``JFDASK_URL`` and ``JFDASK_API_KEY`` or ``JFDASK_API_KEY_FILE``; not
beside households of the file.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings import SettingsError as UnreadableVariable

from jfdask.errors import SettingsError
from jfdask.settings import Settings

ENV_PREFIX = "JFDASK_"
DEFAULT_CONFIG = Path("jfdask.toml")

# Variables that stand for one household, and those that hold secrets: no keys of the file.
HOUSEHOLD_VARIABLES = (
    "NAME", "URL", "API_KEY", "API_KEY_FILE", "USERS", "EXCLUDE_USERS", "CA_FILE", "CONFIG",
)  # fmt: skip
# Those of them that are of no use without one; an API key may be for any household.
_OF_A_HOUSEHOLD = ("NAME", "API_KEY_FILE", "USERS", "EXCLUDE_USERS", "CA_FILE")
#: Names of keys of which somebody gives the key itself.
_KEYS_THEMSELVES = ("api_key", "key", "token", "apikey")
#: Errors of pydantic over numbers, in words.
_NUMBERS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
}
#: Begins variables for a place in a list, of which there are none.
_IN_A_LIST = f"{ENV_PREFIX}HOUSEHOLDS__"


class _Environment(BaseSettings, Settings):
    """Settings as pydantic-settings sees them; used to read the environment only."""

    model_config = {"env_prefix": ENV_PREFIX, "env_nested_delimiter": "__", "extra": "forbid"}


def load_settings(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[tuple[str, object]] = (),
) -> Settings:
    """Read the settings of a file, the environment and the command line.

    Parameters
    ----------
    path
        The TOML file; None: ``JFDASK_CONFIG``, else ``jfdask.toml`` if it exists.
    environ
        The environment; None: ``os.environ``.
    overrides
        Options of the command line as ``("store.url", value)``; they win.

    Raises
    ------
    SettingsError
        Names every mistake at once, each with its file or variable, its key and what was
        expected.
    """
    environ = os.environ if environ is None else environ
    if path is None and environ.get(f"{ENV_PREFIX}CONFIG"):
        path = Path(environ[f"{ENV_PREFIX}CONFIG"])
    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    from_file = _read_file(path) if path else {}
    from_environ, problems = _read_environ(environ)
    problems += _misplaced_variables(environ, path, from_file)
    from_options: dict[str, Any] = {}
    for key, value in overrides:
        section, _, name = key.rpartition(".")
        from_options.setdefault(section, {})[name] = value
    merged = _merge(_merge(from_file, from_environ), from_options)
    problems += _unknown_variables(environ)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        problems += [
            _describe(dict(e), path, environ, from_environ, from_options) for e in error.errors()
        ]
    if problems:
        # Neither the chain nor the message may carry input values: somebody may have put
        # a key where its variable's name belongs.
        raise SettingsError("\n".join(problems))
    return settings


def _read_file(path: Path) -> dict[str, Any]:
    try:
        # Some editors begin a file with a mark of its encoding.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such settings file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}.") from None


def _read_environ(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return what the variables set, as the file would have it, and those that cannot be read."""
    source = EnvSettingsSource(_Environment, case_sensitive=False)
    found: dict[str, Any] = {}
    problems = []
    # One at a time, so that one that cannot be read is named and the others are heard. A
    # section's variable goes before those of its keys, which win.
    for variable in sorted(environ):
        if not variable.upper().startswith(ENV_PREFIX):
            continue
        if variable.upper().startswith(_IN_A_LIST):
            problems.append(
                f"environment: {variable}: unknown variable; {ENV_PREFIX}HOUSEHOLDS holds the "
                "whole list, as JSON."
            )
            continue
        if not environ[variable]:
            continue  # not set
        source.env_vars = {variable.lower(): environ[variable]}
        try:
            found = _merge(found, source())
        except UnreadableVariable:
            # Its cause would show the value.
            problems.append(f"environment: {variable}: expected JSON.")
    url = environ.get(f"{ENV_PREFIX}URL")
    if url and f"{ENV_PREFIX}HOUSEHOLDS" not in environ:
        found["households"] = [_household_of(environ, url)]
    return found, problems


def _household_of(environ: Mapping[str, str], url: str) -> dict[str, Any]:
    """Return the one household that variables describe; an empty one is not set."""
    household: dict[str, Any] = {"name": environ.get(f"{ENV_PREFIX}NAME") or "home", "url": url}
    for key in ("api_key_file", "ca_file"):
        if value := environ.get(f"{ENV_PREFIX}{key.upper()}"):
            household[key] = value
    if environ.get(f"{ENV_PREFIX}API_KEY"):
        # As with every secret: the variable itself goes before the one that names a file.
        household.pop("api_key_file", None)
    for key in ("users", "exclude_users"):
        names = environ.get(f"{ENV_PREFIX}{key.upper()}", "").split(",")
        if people := [name.strip() for name in names if name.strip()]:
            household[key] = people
    return household


def _misplaced_variables(
    environ: Mapping[str, str], path: Path | None, from_file: Mapping[str, Any]
) -> list[str]:
    """Name variables of the one household that contradict the file, or that are of no household."""
    if f"{ENV_PREFIX}HOUSEHOLDS" in environ:
        return []
    if environ.get(f"{ENV_PREFIX}URL"):
        if not from_file.get("households"):
            return []
        return [
            f"environment: {ENV_PREFIX}URL: {path} has households. Unset {ENV_PREFIX}URL to use "
            "them, or take [[households]] out of the file to use the variable."
        ]
    if from_file.get("households"):
        return []
    return [
        f"environment: {ENV_PREFIX}{name}: there is no household that it could be of. Set "
        f"{ENV_PREFIX}URL, too, or add [[households]] to the settings file."
        for name in _OF_A_HOUSEHOLD
        if environ.get(f"{ENV_PREFIX}{name}")
    ]


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Name variables with our prefix that stand for nothing; sections are checked as keys."""
    sections = {name.upper() for name in Settings.model_fields}
    unknown = []
    for variable in sorted(environ):
        # Of settings the case of letters does not matter.
        rest = variable.upper().removeprefix(ENV_PREFIX)
        if rest == variable.upper() or rest.split("__")[0] in sections:
            continue
        if variable.removeprefix(ENV_PREFIX) in HOUSEHOLD_VARIABLES:
            continue
        # A variable the settings file may name for a secret is the user's own choice of name.
        if rest.endswith(("_KEY", "_KEY_FILE", "_SECRET", "_SECRET_FILE")):
            continue
        unknown.append(f"environment: {variable}: unknown variable; docs/settings.md lists all.")
    return unknown


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _describe(
    error: Mapping[str, Any],
    path: Path | None,
    environ: Mapping[str, str],
    from_environ: Mapping[str, Any],
    from_options: Mapping[str, Any],
) -> str:
    loc = [part for part in error["loc"] if part not in ("function-after", "tagged-union")]
    where = str(path) if path else "settings"
    if _holds(from_environ, loc):
        variable, loc = _variable_of(loc, environ)
        where = f"environment: {variable}"
    elif _holds(from_options, loc):
        where = "command line"
    key = ".".join(str(part) for part in loc)
    return f"{where}: {key + ': ' if key else ''}{_expectation(error, loc)}"


def _variable_of(loc: list[Any], environ: Mapping[str, str]) -> tuple[str, list[Any]]:
    """Return the variable in which a key is set, and where in its value the key is."""
    given = {variable.upper(): variable for variable in environ}
    for n in range(len(loc), 0, -1):
        name = ENV_PREFIX + "__".join(str(part).upper() for part in loc[:n])
        if name in given:
            return given[name], loc[n:]
    if loc[0] == "households":
        # The one household's: JFDASK_URL and those beside it.
        return f"{ENV_PREFIX}{loc[2].upper()}", loc[3:]
    return ENV_PREFIX + "__".join(str(part).upper() for part in loc[:2]), loc[2:]


def _holds(tree: Any, loc: Sequence[object]) -> bool:
    for part in loc[:2]:
        if isinstance(tree, Mapping) and part in tree:
            tree = tree[part]
        else:
            return isinstance(tree, list)
    return bool(loc)


def _expectation(error: Mapping[str, Any], loc: Sequence[Any]) -> str:
    kind, key = error["type"], str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        if loc[:1] == ["households"] and key in _KEYS_THEMSELVES:
            return "put the key into a file of its own, and its path into api_key_file."
        close = difflib.get_close_matches(key, _known_beside(loc), n=1)
        meant = f"is {close[0]} meant? " if close else ""
        return f"unknown key; {meant}docs/settings.md lists all."
    if kind == "missing":
        return "is missing."
    if kind == "tuple_type" and loc == ["households"]:
        return "expected [[households]], with two brackets on either side."
    if kind == "tuple_type":
        return 'expected a list, such as ["anna", "ben"].'
    if kind == "string_pattern_mismatch":
        return "expected letters, digits, dots, hyphens and underscores, and no spaces."
    if kind in _NUMBERS:
        return f"expected {_NUMBERS[kind]}."
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "expected") + "."


def _known_beside(loc: Sequence[Any]) -> list[str]:
    """Return the keys that there are where an unknown one stands."""
    names = [part for part in loc[:-1] if isinstance(part, str)]
    model: Any = Settings
    for name in names:
        found = model.model_fields[name].annotation if name in model.model_fields else None
        model = next(iter(get_args(found)), found)
        if not hasattr(model, "model_fields"):
            return []
    return list(model.model_fields)
