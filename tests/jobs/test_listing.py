import pytest
from rich.console import Console

from jfdask.stages.lists import PersonalList
from jobs.listing import print_figures, print_list


@pytest.mark.parametrize("name", ["anna\\", "x\\[/bold]", "[red]y", "x\\[red]y", "[/]"])
def test_a_name_is_printed_as_it_is(name, capsys):
    document = {"notice": "", "score_meaning": "", "recommendations": []}
    found = PersonalList("20260801T030000Z-000001", f"{name} home", "a1", name, document)
    print_list(found, 3, {"metrics": {}})
    out = capsys.readouterr().out
    assert out.startswith(f"\n{name}, household {name} home, night of 2026-08-01\n")


@pytest.mark.parametrize(
    ("n_plays", "told"), [(30, "n=10"), (90, "n=10, of 30 plays of 90, liked")]
)
def test_figures_of_a_part_of_her_plays_say_so(capsys, n_plays, told):
    values = dict.fromkeys(("auc", "ap", "f1", "precision", "recall", "accuracy"))
    figures = {
        "n_plays": n_plays,
        "metrics": {
            which: {"model": {**values, "n": n, "intervals": {}}}
            for which, n in (("out_of_fold", 20), ("held_out", 10))
        },
    }
    print_figures(Console(width=120), figures)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    [held_out] = [line for line in lines if line.startswith("measured on plays held out")]
    assert held_out.removeprefix("measured on plays held out from every search, ").startswith(told)
    assert ("liked" in held_out) == (n_plays > 30)
