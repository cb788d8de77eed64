"""compose.yaml: by the Compose specification's own schema, and held to the code. No engine."""

from __future__ import annotations

import copy
import json
import re
from importlib.resources import files
from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from jfdask.configuration import load_settings
from jfdask.nightly import process
from jfdask.nightly.health import ALIVE
from jfdask.nightly.service import STEP_SECONDS
from jobs.__main__ import jfdask

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(?:(:?-)([^}]*))?\}")


def interpolated(tree, environ):
    """Return a Compose file with its variables as Compose would fill them in."""
    if isinstance(tree, dict):
        return {key: interpolated(value, environ) for key, value in tree.items()}
    if isinstance(tree, list):
        return [interpolated(value, environ) for value in tree]
    if not isinstance(tree, str):
        return tree

    def value(match):
        name, sign, default = match.groups(default="")
        # With "-" an empty one stays empty.
        is_set = name in environ if sign == "-" else environ.get(name)
        return environ[name] if is_set else default

    filled = VARIABLE.sub(value, tree)
    assert "$" not in filled, f"a variable of another form: {tree}"
    return filled


@pytest.fixture(scope="module")
def written():
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def service(written):
    """The one service, with nothing in .env."""
    [service] = interpolated(written, {})["services"].values()
    return service


@pytest.fixture(scope="module")
def schema():
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    return validator(schema)


def seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


class TestTheSchema:
    def test_as_written_and_as_filled_in(self, schema, written):
        for tree in (written, interpolated(written, {}), interpolated(written, {"MEMORY": "8g"})):
            assert [error.message for error in schema.iter_errors(tree)] == []

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("restrat", "always"),
            ("read_only", []),
            ("command", {"serve-nightly": 1}),
            ("healthcheck", {"tset": ["CMD"]}),
            ("volumes", [{"type": "bind", "bind": {"create_path": False}}]),
            ("user", 1000.5),
        ],
    )
    def test_a_mistake_is_noticed(self, schema, written, key, value):
        wrong = copy.deepcopy(written)
        wrong["services"]["jfdask"][key] = value
        assert list(schema.iter_errors(wrong))


class TestTheContainer:
    def test_one_folder_is_mounted_and_no_port_is_open(self, service):
        [mount] = service["volumes"]
        assert (mount["type"], mount["target"]) == ("bind", "/data")
        assert mount["bind"] == {"create_host_path": False}
        assert {"ports", "expose", "network_mode", "privileged", "secrets"} & set(service) == set()

    def test_it_may_do_little(self, service):
        assert service["user"].split(":")[0] not in ("", "0", "root")
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["init"] is True
        assert service["mem_limit"] == "3g"
        assert service["pids_limit"] <= 1024

    def test_what_is_written_to_can_be(self, service):
        places = [
            service["environment"][name]
            for name in ("JFDASK_STORE__URL", "DASK_TEMPORARY_DIRECTORY", "HOME")
        ]
        places += [word for word in service["command"] if word.endswith(".json")]
        assert all(place.startswith(("/data/", "/tmp")) for place in places)
        assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]

    def test_it_is_started_again_and_given_time_to_stop(self, service):
        assert service["restart"] == "unless-stopped"
        needed = process.STOP_SECONDS + 2 * process.GROUP_SECONDS
        assert seconds(service["stop_grace_period"]) >= needed

    def test_workers_and_limits_fit_together(self, service):
        environment = service["environment"]
        workers = int(environment["JFDASK_CLUSTER__WORKERS"])
        assert environment["JFDASK_CLUSTER__MEMORY_LIMIT"] == "1GiB"
        # The night's own process and the service beside them.
        assert workers + 0.8 <= int(service["mem_limit"].removesuffix("g"))

    def test_its_image_is_built_here(self, service):
        assert service["build"] == {"context": ".", "dockerfile": "k8s/Dockerfile"}
        recipe = (ROOT / "k8s" / "Dockerfile").read_text(encoding="utf-8").splitlines()
        assert 'ENTRYPOINT ["jfdask"]' in recipe

    def test_the_key_does_not_go_to_the_builder(self):
        ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        named = {line.removeprefix("!").strip("/") for line in ignored if line.startswith("!")}
        assert "*" in ignored
        assert named.isdisjoint({"data", ".env", "."})


class TestTheCode:
    @pytest.mark.parametrize("at", [None, "4:05"])
    def test_its_command_is_one(self, written, at):
        filled = interpolated(written, {"NIGHT_AT": at} if at else {})
        words = filled["services"]["jfdask"]["command"]
        command = jfdask.get_command(click.Context(jfdask), words[0])
        found = command.make_context(words[0], words[1:]).params
        assert found["at"].strftime("%H:%M") == ("04:05" if at else "03:30")
        assert found["health_file"] == Path("/tmp/nightly.json")

    def test_health_is_looked_at_where_it_is_told(self, service):
        check = service["healthcheck"]
        program = ["CMD", "jfdask", "serve-nightly", "--healthy"]
        assert check["test"] == [*program, service["command"][-1]]
        assert service["command"][-2] == "--health-file"
        assert seconds(check["timeout"]) < seconds(check["interval"])
        assert ALIVE.total_seconds() >= 4 * STEP_SECONDS

    def test_its_environment_is_one(self, service, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        environ = {**service["environment"], "JFDASK_URL": "http://nas:8096"}
        settings = load_settings(None, environ)
        [home] = settings.households
        assert home.api_key_file == Path("/data/api-key")
        assert settings.store.url == "/data/store"
        assert settings.cluster.workers == 2

    def test_a_settings_file_and_many_households_go_with_it(self, service, tmp_path):
        path = tmp_path / "jfdask.toml"
        path.write_text('[[households]]\nname = "attic"\nurl = "http://nas:8096"\n')
        environ = {**service["environment"], "JFDASK_CONFIG": str(path)}
        assert load_settings(None, environ).households[0].name == "attic"
        del environ["JFDASK_CONFIG"]
        environ["JFDASK_HOUSEHOLDS"] = '[{"name": "cellar", "url": "http://nas:8096"}]'
        assert load_settings(None, environ).households[0].name == "cellar"

    def test_what_env_sets_wins(self, written):
        environ = {"JFDASK_STORE__URL": "s3://films", "TZ": "Europe/Berlin", "RUN_AS": "7:8"}
        filled = interpolated(written, environ)["services"]["jfdask"]
        assert filled["environment"]["JFDASK_STORE__URL"] == "s3://films"
        assert filled["environment"]["TZ"] == "Europe/Berlin"
        assert filled["user"] == "7:8"
        assert filled["env_file"] == ".env"

    def test_what_is_empty_in_env_is_left_to_the_settings_file(self, written, tmp_path):
        file = tmp_path / "jfdask.toml"
        home = '[[households]]\nname = "home"\nurl = "http://nas:8096"\n'
        file.write_text(f'{home}[store]\nurl = "s3://films"\n[cluster]\nworkers = 4\n')
        names = ("JFDASK_STORE__URL", "JFDASK_CLUSTER__WORKERS", "JFDASK_CLUSTER__MEMORY_LIMIT")
        filled = interpolated(written, dict.fromkeys(names, ""))["services"]["jfdask"]
        settings = load_settings(file, {k: str(v) for k, v in filled["environment"].items()})
        assert (settings.store.url, settings.cluster.workers) == ("s3://films", 4)
        assert settings.cluster.memory_limit == "auto"
