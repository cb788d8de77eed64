"""Routes of users: who there is, what they may do, which libraries they see."""

from __future__ import annotations

from typing import Any

from jfdask.demo.answers import Answer, json_answer, problem
from jfdask.demo.call import Call, as_id
from jfdask.demo.records import Folder, User, stable_id
from jfdask.demo.routing import Route
from jfdask.demo.shapes import CONSTANTS, iso
from jfdask.demo.views import libraries_of, shape_folder, shape_library
from jfdask.demo.world import World


def shape_user(world: World, user: User) -> dict[str, Any]:
    """Return a user with settings and policy."""
    policy = dict(CONSTANTS["user_policy"])
    policy |= {
        "IsAdministrator": user.is_admin,
        "IsHidden": user.is_hidden,
        "IsDisabled": user.is_disabled,
        "BlockedTags": list(user.blocked_tags),
        "BlockUnratedItems": ["Movie"] if user.blocks_unrated else [],
        "EnabledFolders": list(user.folder_ids or ()),
        "EnableAllFolders": user.folder_ids is None,
        "EnableContentDeletion": user.is_admin,
        "EnableRemoteControlOfOtherUsers": user.is_admin,
    }
    if user.max_age_score is not None:
        policy["MaxParentalRating"] = user.max_age_score
    shape: dict[str, Any] = {
        "Name": user.name,
        "ServerId": world.household.server_id,
        "Id": user.user_id,
        "HasPassword": True,
        "HasConfiguredPassword": True,
        "HasConfiguredEasyPassword": False,
        "EnableAutoLogin": False,
        "LastLoginDate": user.last_login and iso(user.last_login),
        "LastActivityDate": user.last_activity and iso(user.last_activity),
        "Configuration": CONSTANTS["user_configuration"],
        "Policy": policy,
    }
    return {k: v for k, v in shape.items() if v is not None}


def list_users(world: World, _call: Call) -> Answer:
    """Answer all users, by name; anybody who is logged in may ask."""
    users = sorted(world.household.users, key=lambda u: u.name.lower())
    return json_answer([shape_user(world, u) for u in users])


def read_me(world: World, call: Call) -> Answer:
    """Answer who asks; a key is nobody."""
    if call.user is None:
        return problem(400)
    return json_answer(shape_user(world, call.user))


def read_user(world: World, call: Call) -> Answer:
    """Answer one user."""
    user_id = as_id(call.path_ids["user"])
    for user in world.household.users:
        if user.user_id == user_id:
            return json_answer(shape_user(world, user))
    return json_answer("User not found", 404)


def list_views(world: World, call: Call) -> Answer:
    """Answer the libraries that a user sees on the home screen."""
    user = call.needed_user(world.household)
    shown = [shape_library(world, f, user) for f in libraries_of(world, user)]
    return json_answer({"Items": shown, "TotalRecordCount": len(shown), "StartIndex": 0})


def list_media_folders(world: World, call: Call) -> Answer:
    """Answer all libraries and the folder of the playlists."""
    call.needs_admin()
    playlists = stable_id("Folder", "playlists")
    shown = [shape_library(world, f, None) for f in libraries_of(world, None)]
    shown.append(
        shape_folder(
            world, "Playlists", playlists, "/config/data/data/playlists", "playlists", None,
            "ManualPlaylistsFolder",
        )
    )  # fmt: skip
    shown.sort(key=lambda s: s["Name"].lower())
    return json_answer({"Items": shown, "TotalRecordCount": len(shown), "StartIndex": 0})


def list_virtual_folders(world: World, call: Call) -> Answer:
    """Answer how the libraries are set up."""
    call.needs_admin()
    options = CONSTANTS["library_options"]
    if not world.is_12:
        new = ("SimilarItemProviders", "SimilarItemProviderOrder")
        types = [{k: v for k, v in t.items() if k not in new} for t in options["TypeOptions"]]
        options = {**options, "TypeOptions": types}
    folders = [
        {
            "Name": f.name,
            "Locations": [f.path],
            "CollectionType": f.kind,
            "LibraryOptions": _options_of(f, options),
            "ItemId": f.folder_id,
            "RefreshStatus": "Idle",
        }
        for f in world.household.folders
    ]
    return json_answer(folders)


def _options_of(folder: Folder, options: dict[str, Any]) -> dict[str, Any]:
    chosen = {**options, "PathInfos": [{"Path": folder.path}]}
    if folder.kind == "boxsets":
        del chosen["LocalMetadataReaderOrder"], chosen["MetadataSavers"]
        chosen |= {"SaveLocalMetadata": True, "TypeOptions": [], "EnablePhotos": True}
        chosen["AutomaticallyAddToCollection"] = False
    return chosen


ROUTES = (
    Route("GET", "/Users", list_users),
    Route("GET", "/Users/Me", read_me),
    Route("GET", "/Users/{user}", read_user),
    Route("GET", "/UserViews", list_views),
    Route("GET", "/Library/MediaFolders", list_media_folders),
    Route("GET", "/Library/VirtualFolders", list_virtual_folders),
)
