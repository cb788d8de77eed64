import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.store.keys import check_key, person, run_key, state_key, unit_manifest_key


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "a/",
        "a\\b",
        "a b",
        "a\n",
        "a\x00",
        ".hidden",
        "a/.tmp-1",
        "é",
        "s3://x",
        "a" * 201,
        "/".join(["aaaa"] * 300),
    ],
)
def test_refuses_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        check_key(key)


@given(st.text(max_size=30))
def test_an_accepted_key_stays_below_its_root(text: str) -> None:
    try:
        key = check_key(text)
    except ValueError:
        return
    parts = key.split("/")
    assert all(part and not part.startswith(".") for part in parts)
    assert "\\" not in key
    assert key.isascii()


def test_what_is_about_a_person_is_in_her_folder() -> None:
    assert run_key("r", "train", "home", person("u1", "m.skops")) == (
        "runs/r/train/home/people/u1/m.skops"
    )
    assert state_key("home", person("u1", "hits.json")) == "state/home/people/u1/hits.json"


def test_a_user_id_cannot_lead_out_of_people() -> None:
    with pytest.raises(ValueError, match="is no key"):
        person("..", "m.skops")


def test_a_household_cannot_be_named_as_the_manifest() -> None:
    with pytest.raises(ValueError, match="another name"):
        unit_manifest_key("r", "train", "manifest.json")
