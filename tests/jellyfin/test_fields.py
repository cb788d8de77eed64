import math
from collections import Counter
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.jellyfin.fields import MAX_LIST, MAX_TEXT, Fields, item_id, utc_time


def fields(**raw):
    return Fields(raw, Counter())


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2010-05-01T00:00:00.0000000Z", datetime(2010, 5, 1)),
        ("2026-11-22T16:58:03.7003506Z", datetime(2026, 11, 22, 16, 58, 3, 700350)),
        ("2010-05-01", datetime(2010, 5, 1)),
        ("2010-05-01T10:00:00", datetime(2010, 5, 1, 10)),
        ("2010-05-01T10:00:00-05:30", datetime(2010, 5, 1, 15, 30)),
        ("0001-01-01T00:00:00.0000000Z", datetime(1, 1, 1)),
    ],
)
def test_times_are_naive_utc(text, time):
    assert utc_time(text) == time


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2010-13-01", "2010-02-30T00:00:00Z", "0001-01-01T00:00:00+09:00",
     "\u0662\u0660\u0661\u0660-05-01",
     "9999-12-31T23:59:59-01:00", "2010-05-01T00:00:60Z", "2010-05-01T00:00:00Z\n"],
)  # fmt: skip
def test_what_is_no_time_is_none(text):
    assert utc_time(text) is None


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 12, 31)))
def test_a_time_survives_the_way_the_server_writes_it(time):
    text = time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond:06d}7Z"
    assert fields(When=text).time("When") == time


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1899-12-31T23:59:59Z", "When is before 1900"),
        ("0001-01-01T00:00:00.0000000Z", "When is before 1900"),
        ("9999-12-31T23:59:59.9999999Z", "When is after 2200"),
        ("yesterday", "When is not a date"),
        (20100501, "When is not a date"),
    ],
)
def test_an_unusable_date_is_counted(text, reason):
    given_ = fields(When=text)
    assert given_.time("When") is None
    assert given_.broken == {reason: 1}


def test_absent_and_null_are_not_broken():
    given_ = fields(Null=None)
    for key in ("Null", "Absent"):
        assert given_.text(key) is None
        assert given_.number(key, 0, 1) is None
        assert given_.time(key) is None
        assert given_.flag(key) is False
    assert given_.texts("Absent") == []
    assert not given_.broken


def test_a_null_list_is_empty_and_counted():
    given_ = fields(Genres=None, Tags="many")
    assert given_.texts("Genres") == given_.texts("Tags") == []
    assert given_.broken == {"Genres is null": 1, "Tags is not a list": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10.1, -0.1, 10**400])
def test_a_number_out_of_range_is_left_out_and_counted(value):
    given_ = fields(Rating=value)
    assert given_.number("Rating", 0, 10) is None
    assert given_.broken == {"Rating is out of range": 1}


@pytest.mark.parametrize("value", ["7.5", True, [7], {"a": 7}])
def test_what_is_no_number_is_left_out_and_counted(value):
    given_ = fields(Rating=value)
    assert given_.number("Rating", 0, 10) is None
    assert given_.broken == {"Rating is not a number": 1}


def test_zero_stands_for_not_known():
    given_ = fields(Rating=0)
    assert given_.positive("Rating", 10) is None
    assert given_.number("Rating", 0, 10) == 0.0
    assert not given_.broken


def test_control_characters_and_lone_surrogates_are_taken_out():
    given_ = fields(Name="a\x00b\x1b[31mc\ud800d\te\nf 🎬")
    assert given_.text("Name") == "ab[31mcd\te\nf 🎬"
    assert given_.broken == {"Name has control characters": 1}
    assert given_.line("Name") == "ab[31mcd e f 🎬"


def test_long_texts_and_lists_are_cut_and_counted():
    given_ = fields(Overview="x" * 100_000, Tags=["t"] * 5_000)
    assert len(given_.text("Overview", MAX_TEXT)) == MAX_TEXT
    assert len(given_.texts("Tags")) == MAX_LIST
    assert sorted(given_.broken.values()) == [1, 1]


def test_entries_that_are_no_texts_cost_themselves():
    given_ = fields(Genres=["Drama", 7, None, "", "  ", "Science \n Fiction"])
    assert given_.texts("Genres") == ["Drama", "Science Fiction"]
    assert given_.broken == {"Genres entry is not a text": 2}


@given(st.one_of(st.text(), st.none(), st.integers(), st.from_regex(r"[0-9a-fA-F]{31,33}")))
def test_an_id_is_32_hex_digits(value):
    checked = item_id(value)
    if checked is not None:
        assert len(checked) == 32
        assert checked == value.lower()
        assert int(checked, 16) >= 0


@pytest.mark.parametrize("control", ["\x9b", "\x80", "\x9f", "\x7f", "\x1b", "\x00"])
def test_control_characters_are_taken_out(control):
    broken = Counter()
    assert Fields({"Name": f"A{control}31mB"}, broken).text("Name") == "A31mB"
    assert broken == {"Name has control characters": 1}


def test_a_text_that_is_cut_ends_with_no_space():
    assert Fields({"Name": "ab cd"}, Counter()).text("Name", 3) == "ab"


def test_what_is_just_short_enough_is_not_cut():
    broken = Counter()
    fields = Fields({"Name": "abc", "Tags": ["a"] * MAX_LIST}, broken)
    assert fields.text("Name", 3) == "abc"
    assert fields.texts("Tags") == ["a"] * MAX_LIST
    assert not broken
