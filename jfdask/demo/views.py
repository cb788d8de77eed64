"""Libraries as JSON: a person's views, the server's folders, what lies above an item."""

from __future__ import annotations

from typing import Any

from jfdask.demo.records import EPOCH, Folder, Item, User, stable_id
from jfdask.demo.shapes import iso
from jfdask.demo.world import World

_NEVER = "0001-01-01T00:00:00.0000000Z"


def shape_folder(
    world: World,
    name: str,
    folder_id: str,
    path: str,
    kind: str | None,
    user: User | None,
    item_type: str = "CollectionFolder",
) -> dict[str, Any]:
    """Return a library or another folder with all its keys.

    Parameters
    ----------
    world
        Which server's.
    name, folder_id, path, kind, item_type
        Of the folder; ``kind`` is its CollectionType.
    user
        Whose view of it; None: the server's own.
    """
    is_library = item_type == "CollectionFolder"
    parent: str | None = stable_id("Folder", "root" if is_library else "aggregate")
    shape: dict[str, Any] = {
        "Name": name,
        "ServerId": world.household.server_id,
        "Id": folder_id,
        "Etag": stable_id("etag", folder_id),
        "DateCreated": iso(EPOCH),
        "DateLastMediaAdded": _NEVER if is_library and user else None,
        "CanDelete": False,
        "CanDownload": False,
        "SortName": name.lower(),
        "ExternalUrls": [],
        "Path": path,
        "EnableMediaSourceDisplay": True,
        "Taglines": [],
        "Genres": [],
        "PlayAccess": "Full" if user else None,
        "RemoteTrailers": [],
        "ProviderIds": {},
        "IsFolder": True,
        "Type": item_type,
        "People": [],
        "Studios": [],
        "GenreItems": [],
        "LocalTrailerCount": 0,
        "ChildCount": 4 if user else None,
        "SpecialFeatureCount": 0,
        "DisplayPreferencesId": stable_id("DisplayPreferences", folder_id),
        "Tags": [],
        "CollectionType": kind,
        "ImageTags": {},
        "BackdropImageTags": [],
        "ImageBlurHashes": {},
        "Chapters": [] if world.is_12 else None,
        "LocationType": "FileSystem",
        "MediaType": "Unknown",
        "LockedFields": [],
        "LockData": False,
    }
    if user:
        shape["UserData"] = {
            "PlaybackPositionTicks": 0,
            "PlayCount": 0,
            "IsFavorite": False,
            "Played": False,
            "Key": folder_id,
            "ItemId": folder_id,
        }
    shape = {k: v for k, v in shape.items() if v is not None}
    return {
        **shape,
        "ChannelId": None,
        "ParentId": None if item_type == "UserRootFolder" else parent,
    }


def shape_library(world: World, folder: Folder, user: User | None) -> dict[str, Any]:
    """Return a library."""
    path = f"/config/data/root/default/{folder.name}"
    return shape_folder(world, folder.name, folder.folder_id, path, folder.kind, user)


def libraries_of(world: World, user: User | None) -> list[Folder]:
    """Return the libraries a user may open, by name."""
    allowed = None if user is None else user.folder_ids
    folders = [f for f in world.household.folders if allowed is None or f.folder_id in allowed]
    return sorted(folders, key=lambda f: f.name.lower())


def shape_ancestors(world: World, item: Item, user: User) -> list[dict[str, Any]]:
    """Return the library an item lies in and the root above it."""
    above = [f for f in world.household.folders if f.folder_id == item.folder_id]
    root = stable_id("Folder", "root")
    path = "/config/data/root/default"
    return [
        *(shape_library(world, f, user) for f in above),
        shape_folder(world, "Media Folders", root, path, None, user, "UserRootFolder"),
    ]
