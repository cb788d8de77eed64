"""What a person's own token may do, beyond the recorded calls."""

from __future__ import annotations

import pytest

from jfdask.demo.household import demo_household

LEA, INGRID = "token-of-lea", "token-of-ingrid"


@pytest.fixture
def server(serve):
    household = demo_household()
    for name in ("lea", "ingrid", "old-tablet"):
        household.tokens[f"token-of-{name}"] = household.user(name).user_id
    with serve(household) as running:
        yield running


def test_a_person_who_is_no_administrator_is_kept_out(server, ask):
    lea, ingrid = ask(server.url, LEA), ask(server.url, INGRID)
    for path in ("/ScheduledTasks", "/Library/VirtualFolders", "/System/Info", "/_demo/log"):
        assert lea.send(path)[0] == 403
    assert ingrid.send("/ScheduledTasks")[0] == 200
    assert lea.json("/Users/Me")["Name"] == "lea"


def test_a_disabled_user_has_no_token(server, ask):
    assert ask(server.url, "token-of-old-tablet").send("/Users/Me")[0] == 401


def test_only_the_owner_moves_entries_and_sees_shares(server, ask):
    lea, key = ask(server.url, LEA), ask(server.url)
    ids = [i["Id"] for i in key.movies(limit=3)["Items"]]
    made = lea.json("/Playlists", "POST", {"Name": "Hers", "Ids": ids})["Id"]
    lea.json(f"/Playlists/{made}/Items/{ids[2]}/Move/0", "POST")
    assert lea.json(f"/Playlists/{made}")["ItemIds"] == [ids[2], ids[0], ids[1]]
    assert lea.json(f"/Playlists/{made}/Users") == []
    # It is public, as a list made without IsPublic is: others see it, and change nothing.
    ingrid = ask(server.url, INGRID)
    assert len(ingrid.json(f"/Playlists/{made}/Items")["Items"]) == 3
    assert ingrid.send(f"/Playlists/{made}/Items?ids={ids[0]}", "POST")[0] == 403


def test_a_person_deletes_only_what_is_her_own(server, ask):
    lea, key = ask(server.url, LEA), ask(server.url)
    movie = key.movies(limit=1)["Items"][0]["Id"]
    assert lea.send(f"/Items/{movie}", "DELETE")[0] == 401
    made = lea.json("/Playlists", "POST", {"Name": "Hers", "Ids": [movie]})["Id"]
    assert lea.send(f"/Items/{made}", "DELETE")[0] == 204
    assert key.send(f"/Items/{movie}", "DELETE")[0] == 204
    assert key.movies(limit=0)["TotalRecordCount"] == 342
