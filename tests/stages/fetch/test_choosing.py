from dataclasses import replace

import pytest

from jfdask.errors import SettingsError
from jfdask.jellyfin.reading import User
from jfdask.settings import Household
from jfdask.stages.fetch.choosing import chosen_people, missing_people, widest

ANN = User("a" * 32, "Ann", False, False)
BOB = User("b" * 32, "Bob", True, True)
CLEO = User("c" * 32, "Cleo", False, True)
ALL = [CLEO, BOB, ANN]


def household(users=(), exclude=()):
    return Household(name="home", url="http://server", users=users, exclude_users=exclude)


@pytest.mark.parametrize(
    ("users", "exclude", "chosen"),
    [
        ((), (), [ANN, CLEO]),
        (("ANN",), (), [ANN]),
        (("c" * 32, "ann"), (), [ANN, CLEO]),
        (("ann", "nobody"), (), [ANN]),
        (("ann", "bob"), (), [ANN]),
        ((), ("cleo",), [ANN]),
        (("ann", "cleo"), ("cleo",), [ANN]),
        ((), ("d" * 32,), [ANN, CLEO]),
        ((), ("D" * 32, "C" * 32), [ANN]),
    ],
)
def test_who_is_chosen(users, exclude, chosen):
    assert chosen_people(ALL, household(users, exclude)) == chosen


@pytest.mark.parametrize(
    ("users", "exclude", "there", "told"),
    [
        (("bob",), (), ALL, "Nobody of households.users is left. User 'Bob' is disabled"),
        (("nobody",), (), ALL, "knows no user 'nobody'; it knows: Ann, Bob, Cleo"),
        (("ann",), ("ann",), ALL, "in households.exclude_users, too"),
        ((), (), [BOB], "Enable somebody"),
        ((), ("ann", "cleo"), ALL, "exclude fewer"),
        ((), (), [], "The server has no users: finish its set-up"),
        ((), ("nobody",), ALL, "so nobody is left out under that name; it knows: Ann, Bob, Cleo"),
        (("ann",), ("nobody",), ALL, "Mend households.exclude_users"),
    ],
)
def test_nobody_is_left_or_somebody_would_not_be_left_out(users, exclude, there, told):
    with pytest.raises(SettingsError) as error:
        chosen_people(there, household(users, exclude))
    assert told in str(error.value)


def test_a_sentence_for_everybody_named_in_vain():
    unknown, disabled = missing_people(ALL, household(("x", "ann", "bob", "x")))
    assert "knows no user 'x'" in unknown
    assert "'Bob' is disabled" in disabled
    assert missing_people(ALL, household()) == []


def test_the_one_who_sees_most():
    assert widest([ANN, CLEO], {ANN.user_id: 9}) == CLEO
    dora = replace(ANN, user_id="d" * 32)
    assert widest([ANN, dora], {ANN.user_id: 3, dora.user_id: 4}) == dora
    assert widest([ANN, dora], {dora.user_id: 4}) == dora
    assert widest([dora, ANN], {}) == ANN


def test_a_name_is_that_of_who_is_spelled_like_it_else_of_all_who_are_but_for_the_case():
    plain, sharp = replace(ANN, name="Strasse"), replace(CLEO, name="Straße")
    both = [plain, sharp]
    assert chosen_people(both, household((), ("Strasse",))) == [sharp]
    assert chosen_people(both, household(("Straße",))) == [sharp]
    other = replace(ANN, user_id="d" * 32)
    assert chosen_people([*both, other], household((), ("STRASSE",))) == [other]
