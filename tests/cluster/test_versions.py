import platform
import re
import tomllib
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import jfdask
from jfdask.cluster.versions import PACKAGES, Versions, differences, versions_here
from jfdask.version import code_version

# The command line's, the settings' and the dashboard's; on a worker they may differ.
NOT_COMPARED = {"bokeh", "click", "dask-kubernetes", "kubernetes", "pydantic-settings", "rich"}
NOT_COMPARED |= {"cryptography"}  # of this machine's own cluster
NOT_COMPARED |= {"tzdata"}  # when to begin; what is read is in UTC


def test_this_process():
    here = dict(versions_here().of)
    assert here["jfdask"] == code_version()
    assert here["Python"] == platform.python_version()
    assert here["scikit-learn"] == version("scikit-learn")
    assert "not installed" not in here.values()
    assert differences(versions_here(), versions_here()) == []


def test_every_package_that_is_needed_is_compared_or_named_as_not():
    text = (Path(jfdask.__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    optional = project.get("optional-dependencies", {}).values()
    needed = [*project["dependencies"], *chain.from_iterable(optional)]
    names = {re.split(r"[^\w-]", requirement)[0] for requirement in needed}
    assert names - set(PACKAGES) - NOT_COMPARED == set()
    assert not NOT_COMPARED & set(PACKAGES)


def test_what_is_missing_there_or_here_is_a_difference():
    there = Versions((("Python", "3.11.9"), ("s3fs", "not installed")))
    here = Versions((("Python", "3.12.1"), ("s3fs", "2026.9.0"), ("new", "1")))
    assert differences(there, here) == [
        "Python 3.11.9, here 3.12.1",
        "s3fs not installed, here 2026.9.0",
        "new not looked at, here 1",
    ]
