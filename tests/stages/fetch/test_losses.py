from collections import Counter

from jfdask.stages.fetch.losses import NOT_GIVEN, PEOPLE_NOT_GIVEN, told_losses

NOTHING = Counter()


def test_a_field_that_was_dropped_is_not_told():
    fields = Counter({"CommunityRating is not a number": 5, "People entry without an Id": 2})
    assert told_losses(Counter({"user without a Policy": 1}), [fields], fields, fields) == []


def test_every_list_tells_of_the_same_movies():
    lists = [Counter({"item without an Id": 2}), Counter({"item without an Id": 1, NOT_GIVEN: 1})]
    [told] = told_losses(NOTHING, lists, Counter({NOT_GIVEN: 1}), NOTHING)
    assert told.startswith("3 of the movies left out: ")
    assert "item without an Id (2), movie that the server cannot give (1)" in told


def test_people_are_told_as_people():
    people = Counter({PEOPLE_NOT_GIVEN: 1, "item without an Id": 1})
    [told] = told_losses(NOTHING, [], NOTHING, people)
    assert told.startswith("The people of 2 of the movies")


def test_a_user_without_an_id():
    [told] = told_losses(Counter({"user without an Id": 1}), [], NOTHING, NOTHING)
    assert told == "1 of the users left out: user without an Id (1)."


def test_the_words_are_those_of_the_parser():
    from jfdask.jellyfin.parsing import parse_item, parse_plays

    broken = Counter()
    for raw in ("text", {}, {"Id": "short"}):
        parse_item(raw, broken)
    parse_plays({"Id": "1" * 32}, broken)
    parse_plays({"Id": "1" * 32, "UserData": {"ItemId": "2" * 32}}, broken)
    [told] = told_losses(NOTHING, [broken], NOTHING, NOTHING)
    assert told.startswith("5 of the movies left out")
