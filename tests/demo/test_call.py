from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.demo.answers import Refused
from jfdask.demo.call import Call, as_id, parse_date
from jfdask.demo.records import AGE_SCORES, Item, lowest_certificate, stable_id
from jfdask.demo.routing import Route, find_route
from jfdask.demo.shapes import iso, number


def call(**query):
    return Call("GET", "/", {k.lower(): v for k, v in query.items()}, {})


@given(st.uuids())
def test_an_id_is_read_with_and_without_dashes(value):
    assert as_id(str(value)) == as_id(value.hex.upper()) == value.hex


@given(st.text(max_size=40))
def test_anything_else_is_no_id(text):
    found = as_id(text)
    assert found is None or len(found) == 32


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_read_back(time):
    assert len(iso(time)) == 28
    assert parse_date(iso(time)) == time


def test_a_time_without_a_zone_is_utc():
    assert parse_date("2020-01-01T00:00:00") == datetime(2020, 1, 1, tzinfo=UTC)
    assert parse_date("2020-01-01T02:00:00+02:00") == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        ("integer", "limit", "many"),
        ("flag", "recursive", "perhaps"),
        ("date", "minDateLastSaved", "yesterday"),
        ("guid", "userId", "xyz"),
    ],
)
def test_what_cannot_be_read_is_400(read, name, value):
    with pytest.raises(Refused) as refused:
        getattr(call(**{name: value}), read)(name)
    assert refused.value.answer.status == 400
    assert name.encode() in refused.value.answer.body


def test_names_of_parameters_ignore_case():
    assert call(LIMIT="5").integer("limit") == 5
    assert call().integer("limit") is None
    assert call(Fields="Etag, People").names("fields") == ["etag", "people"]


def test_a_path_ignores_case_and_a_slash_at_the_end():
    routes = [Route("GET", "/Items", lambda w, c: None), Route("GET", "/Items/{item}", print)]
    assert find_route(routes, "GET", "/items/")[0] is routes[0]
    assert find_route(routes, "GET", "/ITEMS/abc") == (routes[1], {"item": "abc"})
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/Items", 405)):
        with pytest.raises(Refused) as refused:
            find_route(routes, method, path)
        assert refused.value.answer.status == status


@given(st.lists(st.sampled_from([None, *AGE_SCORES])))
def test_the_lowest_certificate_is_that_for_the_youngest(certificates):
    items = [Item(stable_id(i), "Movie", "x", certificate=c) for i, c in enumerate(certificates)]
    lowest = lowest_certificate(items)
    scores = [AGE_SCORES[c] for c in certificates if c]
    assert (lowest is None) == (not scores)
    assert lowest is None or AGE_SCORES[lowest] == min(scores)


def test_whole_numbers_lose_their_fraction():
    assert repr(number(6.0)) == "6"
    assert number(6.4) == 6.4
    assert number(None) is None
