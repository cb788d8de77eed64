from pathlib import Path

import pytest

from jfdask.configuration import load_settings
from jfdask.errors import SettingsError

GOOD = """
[store]
url = "s3://films/jfdask"
[[households]]
name = "home"
url = "https://jellyfin.example/base/"
api_key_env = "HOME_KEY"
users = ["anna"]
[train]
search = { max_depth = [10, 20], criterion = ["gini"] }
"""


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "jfdask.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path, environ=None, **kwargs):
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ or {}, **kwargs)
    return str(caught.value).splitlines()


def test_a_file(config):
    settings = load_settings(config(GOOD), {})
    [home] = settings.households
    assert home.url == "https://jellyfin.example/base"
    assert settings.store.url == "s3://films/jfdask"
    assert settings.train.search == {"max_depth": (10, 20), "criterion": ("gini",)}


def test_environment_wins_over_the_file_and_options_over_both(config):
    path = config(GOOD)
    environ = {"JFDASK_STORE__URL": "from-environ", "JFDASK_STORE__KEEP": "3"}
    settings = load_settings(path, environ)
    assert (settings.store.url, settings.store.keep) == ("from-environ", 3)
    settings = load_settings(path, environ, [("store.url", "from-option")])
    assert (settings.store.url, settings.store.keep) == ("from-option", 3)


def test_a_household_by_environment_alone():
    environ = {
        "JFDASK_URL": "http://nas:8096",
        "JFDASK_API_KEY_FILE": "/run/secrets/key",
        "JFDASK_USERS": "anna, ben",
    }
    [home] = load_settings(None, environ).households
    assert (home.name, home.url, home.users) == ("home", "http://nas:8096", ("anna", "ben"))
    assert home.api_key_file == Path("/run/secrets/key")


def test_everything_of_a_household_by_environment():
    environ = {
        "JFDASK_URL": "https://nas:8920",
        "JFDASK_NAME": "attic",
        "JFDASK_EXCLUDE_USERS": "guest,, kids ",
        "JFDASK_CA_FILE": "/data/ca.pem",
    }
    [attic] = load_settings(None, environ).households
    assert (attic.name, attic.users, attic.exclude_users) == ("attic", (), ("guest", "kids"))
    assert attic.ca_file == Path("/data/ca.pem")


def test_an_empty_variable_of_the_household_is_not_set():
    empty = {f"JFDASK_{name}": "" for name in ("NAME", "USERS", "EXCLUDE_USERS", "CA_FILE")}
    [home] = load_settings(None, {"JFDASK_URL": "http://nas", **empty}).households
    assert home == load_settings(None, {"JFDASK_URL": "http://nas"}).households[0]
    assert load_settings(None, empty).households == ()


def test_a_name_by_environment_that_is_none():
    told = problems(None, {"JFDASK_URL": "http://nas", "JFDASK_NAME": "../up"})
    assert told[0].startswith("environment: JFDASK_NAME: expected letters")


def test_all_mistakes_are_told_at_once_with_file_key_and_expectation(config):
    path = config('[store]\nkep = 4\n[train]\nmethod = "magic"\n[[households]]\nname = "a b"\n')
    told = problems(path, {"JFDASK_STORE__KEEP": "many", "JFDASK_FETCH__NO": "1", "JFDASK_X": "1"})
    text = "\n".join(told)
    assert f"{path}: store.kep: unknown key" in text
    assert f"{path}: train.method: expected 'affinity' or 'seed'" in text
    assert f"{path}: households.0.name" in text
    assert f"{path}: households.0.url: is missing" in text
    assert "environment: JFDASK_STORE__KEEP: expected a whole number" in text
    assert "environment: JFDASK_FETCH__NO: unknown key" in text
    assert "environment: JFDASK_X: unknown variable" in text
    assert len(told) == 7


def test_an_option_is_named_as_such():
    assert problems(None, overrides=[("cluster.workers", -1)])[0].startswith(
        "command line: cluster.workers"
    )


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x", "jellyfin:8096", "http://me:secret@host", "http://h/?k=1"),
        *(
            "http://",
            "https:///base",
            "http://:8096",
            "http://h:secret",
            "http://[secret",
            "http://a b",
            "http://jelly..lan:8096",
            f"http://{'a' * 64}.lan",
        ),
    ],
)
def test_an_address_that_is_none(config, url):
    told = problems(config(f'[[households]]\nname = "h"\nurl = "{url}"\n'))
    assert "households.0.url: expected an address" in told[0]
    assert "secret" not in told[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[households]\nname = "a"', "households: expected [[households]], with two brackets"),
        ('[[households]]\nusers = "lea"', 'users: expected a list, such as ["anna", "ben"].'),
        ('[[households]]\nname = "my home"', "name: expected letters, digits, dots"),
        ('[[households]]\nurl = "http://tv:8096/web/#/home.html"', "url: expected the server's"),
        ('[[households]]\nurl = "http://tv/web/index.html"', "url: expected the server's address"),
        ('[[households]]\napi_key = "0123"', "api_key: put the key into a file of its own"),
        ('[[households]]\nuser = ["a"]', "user: unknown key; is users meant?"),
        ("[store]\nkeeep = 3", "store.keeep: unknown key; is keep meant?"),
        ('[store]\nsingle_writer = "x"', "store.single_writer: expected true or false"),
        ("[store]\nkeep = true", "store.keep: expected a number, not true or false."),
        ("[train]\nmin_favorites = false", "train.min_favorites: expected a number, not true"),
        ("[household]", "household: unknown key; is households meant?"),
    ],
)
def test_slips_are_told_in_the_words_of_the_file(config, text, told):
    with pytest.raises(SettingsError) as caught:
        load_settings(config(text), {})
    assert told in str(caught.value)
    assert "0123" not in str(caught.value)


def test_a_file_may_begin_with_a_mark_of_its_encoding(config):
    path = config("")
    path.write_bytes(b"\xef\xbb\xbf[store]\nkeep = 3\n")
    assert load_settings(path, {}).store.keep == 3


def test_a_key_in_two_places_and_two_households_of_one_name(config):
    one = '[[households]]\nname = "h"\nurl = "http://h"\n'
    both = one + 'api_key_env = "A"\napi_key_file = "b"\n'
    assert "api_key_env or api_key_file, not both" in problems(config(both))[0]
    assert "two households are named 'h'" in problems(config(one + one))[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [("[store", "is not TOML"), (None, "no such settings file")],
)
def test_a_file_that_cannot_be_read(tmp_path, config, text, told):
    path = tmp_path / "none.toml" if text is None else config(text)
    assert told in problems(path)[0]


def test_variables_named_for_secrets_are_the_users_own(config):
    environ = {"JFDASK_API_KEY": "k", "JFDASK_S3_KEY": "k", "JFDASK_S3_SECRET_FILE": "f"}
    settings = load_settings(config(GOOD), environ)
    assert "'k'" not in repr(settings)


def test_files_at_home(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    names = ["tls_ca_file", "tls_cert_file", "tls_key_file", "kubernetes_spec"]
    lines = [f'{name} = "~/{name}"' for name in names]
    cluster = load_settings(config("\n".join(["[cluster]", *lines])), {}).cluster
    assert [str(getattr(cluster, name)) for name in names] == [f"/home/anna/{n}" for n in names]


def test_an_unknown_household_names_those_that_exist(config):
    with pytest.raises(SettingsError, match=r"No household 'away'.*home"):
        load_settings(config(GOOD), {}).household("away")


@pytest.mark.parametrize(
    "search",
    ['"big"', "3", "{ max_depth = 10 }", '{ max_depth = [[1]], criterion = "gini" }', "[1]"],
)
def test_a_search_that_is_none_is_told_in_one_line(config, search):
    path = config(f"[train]\nsearch = {search}\nfolds = 1\n")
    assert problems(path) == [
        f'{path}: train.search: expected "small", "seed", "off" or a table of lists.',
        f"{path}: train.folds: expected greater than or equal to 2.",
    ]


@pytest.mark.parametrize("value", ["big", "{", "3", '{"max_depth": 10}'])
def test_a_search_of_the_environment_that_is_none(value):
    told = 'environment: JFDASK_TRAIN__SEARCH: expected "small", "seed", "off" or a table of lists.'
    assert problems(None, {"JFDASK_TRAIN__SEARCH": value}) == [told]


@pytest.mark.parametrize("search", ["small", "seed", "off", {"max_depth": [3, None]}])
def test_a_search_that_is_one(search):
    found = load_settings(None, {}, [("train.search", search)]).train.search
    assert found == ({"max_depth": (3, None)} if isinstance(search, dict) else search)


def test_a_variable_that_is_no_json_is_named_and_the_others_are_told_too():
    environ = {
        "JFDASK_STORE": '{"secret',
        "JFDASK_STORE__KEEP": "0",
        "JFDASK_HOUSEHOLDS": "[secret",
        "JFDASK_X": "1",
    }
    assert problems(None, environ) == [
        "environment: JFDASK_HOUSEHOLDS: expected JSON.",
        "environment: JFDASK_STORE: expected JSON.",
        "environment: JFDASK_X: unknown variable; docs/settings.md lists all.",
        "environment: JFDASK_STORE__KEEP: expected greater than or equal to 1.",
    ]


@pytest.mark.parametrize("variable", ["JFDASK_STROE__KEEP", "jfdask_stroe__keep", "jfdask_url"])
def test_a_variable_that_stands_for_nothing_is_named_as_it_was_typed(variable):
    assert problems(None, {variable: "4", "jfdask_store__keep": "3", "my_jfdask_x": "1"}) == [
        f"environment: {variable}: unknown variable; docs/settings.md lists all."
    ]


@pytest.mark.parametrize("variable", ["JFDASK_HOUSEHOLDS__0__NAME", "jfdask_households__0"])
def test_a_variable_for_a_place_in_the_list_of_households(variable):
    [told] = problems(None, {variable: "home", "JFDASK_HOUSEHOLDS": "[]"})
    assert told.startswith(f"environment: {variable}: unknown variable; JFDASK_HOUSEHOLDS holds")


@pytest.mark.parametrize("value", ["inf", "nan", "1e7"])
def test_hours_without_end(config, value):
    path = config(f"[run]\nresume_hours = {value}\n")
    assert problems(path)[0].startswith(f"{path}: run.resume_hours: expected ")


def test_a_section_as_json_and_a_key_of_it_which_wins():
    environ = {"JFDASK_STORE": '{"keep": 3, "url": "a"}', "JFDASK_STORE__KEEP": "4"}
    store = load_settings(None, environ).store
    assert (store.keep, store.url) == (4, "a")


def test_a_mistake_within_json_names_the_variable_that_is_set():
    environ = {
        "JFDASK_STORE": '{"kep": 3}',
        "JFDASK_HOUSEHOLDS": '[{"url": "http://h", "name": "a b"}]',
    }
    told = problems(None, environ)
    assert told[0].startswith("environment: JFDASK_HOUSEHOLDS: 0.name: ")
    assert told[1].startswith("environment: JFDASK_STORE: kep: unknown key")
    assert problems(None, {"JFDASK_STORE": "5"})[0].startswith(
        "environment: JFDASK_STORE: expected"
    )


def test_a_wrong_address_by_environment_names_its_variable():
    told = problems(None, {"JFDASK_URL": "http://", "JFDASK_USERS": "anna"})
    assert told == [
        "environment: JFDASK_URL: expected an address with a host, such as http://localhost:8096."
    ]


@pytest.mark.parametrize("name", ["manifest.json", "Manifest.JSON", "home.json"])
def test_a_household_that_is_named_like_a_document(config, name):
    told = problems(config(f'[[households]]\nname = "{name}"\nurl = "http://h"\n'))
    assert "households.0.name: expected a name that does not end in .json" in told[0]


@pytest.mark.parametrize("name", ["NAME", "USERS", "EXCLUDE_USERS", "API_KEY_FILE", "CA_FILE"])
def test_a_variable_of_a_household_that_is_not_there(config, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    told = problems(None, {f"JFDASK_{name}": "secret", "JFDASK_STORE__KEEP": "0"})
    assert told[0].startswith(f"environment: JFDASK_{name}: there is no household")
    assert "JFDASK_URL" in told[0]
    assert "secret" not in told[0]
    assert len(told) == 2
    assert load_settings(config(GOOD), {f"JFDASK_{name}": "x"}).households[0].name == "home"
    households = {"JFDASK_HOUSEHOLDS": '[{"name": "h", "url": "http://h"}]'}
    assert load_settings(None, {f"JFDASK_{name}": "x", **households}).households[0].name == "h"


def test_one_household_by_environment_beside_those_of_the_file(config):
    path = config(GOOD)
    [told] = problems(path, {"JFDASK_URL": "http://nas"})
    assert told.startswith(f"environment: JFDASK_URL: {path} has households. Unset JFDASK_URL")
    path = config("[store]\nkeep = 3\n")
    [home] = load_settings(path, {"JFDASK_URL": "http://nas"}).households
    assert home.url == "http://nas"


def test_an_empty_variable_leaves_its_setting_to_the_file(config):
    path = config('[store]\nurl = "s3://films"\n[cluster]\nworkers = 3\n')
    environ = {"JFDASK_STORE__URL": "", "JFDASK_CLUSTER__WORKERS": "", "JFDASK_STORE__KEEP": "2"}
    settings = load_settings(path, environ)
    assert (settings.store.url, settings.cluster.workers) == ("s3://films", 3)
    assert settings.store.keep == 2


def test_a_key_goes_before_the_file_that_may_hold_it():
    environ = {"JFDASK_URL": "http://nas:8096", "JFDASK_API_KEY_FILE": "/data/api-key"}
    [home] = load_settings(None, environ).households
    assert home.api_key_file is not None
    [home] = load_settings(None, {**environ, "JFDASK_API_KEY": "k" * 32}).households
    assert home.api_key_file is None
