import time

import pytest
from rich.console import Console

from jfdask.stages.lists import PersonalList
from jobs.listing import print_figures, print_list


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Be in a time zone, UTC if no other is asked for."""

    def be_in(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    be_in("UTC")
    yield be_in
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", ["anna\\", "x\\[/bold]", "[red]y", "x\\[red]y", "[/]"])
def test_a_name_is_printed_as_it_is(name, capsys):
    document = {"notice": "", "score_meaning": "", "recommendations": []}
    found = PersonalList("20260801T120000Z-000001", f"{name} home", "a1", name, document)
    print_list(found, 3, {"metrics": {}})
    out = capsys.readouterr().out
    assert out.startswith(f"\n{name}, household {name} home, night of 2026-08-01\n")


def row(rank, score, *reasons, p_favorite=0.5):
    return {
        "rank": rank,
        "score": score,
        "p_favorite": p_favorite,
        "name": f"Film {rank}",
        "production_year": 1999,
        "reasons": [text for _, text in reasons],
        "reason_kinds": [kind for kind, _ in reasons],
    }


def test_reasons_are_told_twice_and_what_she_marked_of_each(capsys):
    war, marked = ("genre", "War: you liked it."), ("favorite", "You marked it.")
    rows = [row(i, 1 - i / 10, war, ("decade", f"From {i}.")) for i in range(1, 4)]
    rows += [row(i, 1 - i / 10, marked, war, p_favorite=None) for i in range(4, 8)]
    document = {"notice": "", "score_meaning": "0 to 1", "recommendations": rows}
    found = PersonalList("20260801T120000Z-000001", "home", "a1", "anna", document)
    print_list(found, 7, {"metrics": {}})
    out = capsys.readouterr().out
    assert (out.count("War:"), out.count("From 3."), out.count("You marked it.")) == (2, 1, 4)
    assert "score: 0 to 1\n" in out
    rows[1]["score"] = 0.99
    print_list(found, 7, {"metrics": {}})
    assert "score: 0 to 1; films much like one above stand lower\n" in capsys.readouterr().out


@pytest.mark.parametrize(("zone", "day"), [("Asia/Tokyo", 2), ("America/New_York", 1)])
def test_a_night_is_of_the_day_where_it_is_read(capsys, here, zone, day):
    here(zone)
    document = {"notice": "", "score_meaning": "", "recommendations": []}
    found = PersonalList("20260801T183000Z-000001", "home", "a1", "anna", document)
    print_list(found, 3, {"metrics": {}})
    assert f"night of 2026-08-0{day}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("n_plays", "told"), [(30, "n=10"), (90, "n=10, of 30 plays of 90, liked")]
)
def test_figures_of_a_part_of_her_plays_say_so(capsys, n_plays, told):
    values = dict.fromkeys(("auc", "ap", "f1", "precision", "recall", "accuracy"))
    figures = {
        "n_plays": n_plays,
        "metrics": {
            which: {
                "model": {**values, "auc": 0.83, "n": n, "intervals": {}},
                "community_rating": {**values, "auc": 0.71, "n": n, "intervals": {}},
            }
            for which, n in (("out_of_fold", 20), ("held_out", 10))
        },
    }
    print_figures(Console(width=120), figures)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith("Of two watched films, one liked and one not, the model scores")
    assert "83% of the time (out of fold); the public's rating does 71%." in " ".join(lines[:2])
    [held_out] = [line for line in lines if line.startswith("measured on plays held out")]
    assert held_out.removeprefix("measured on plays held out from every search, ").startswith(told)
    assert ("liked" in held_out) == (n_plays > 30)
