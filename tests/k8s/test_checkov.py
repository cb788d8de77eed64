"""checkov's rules, on what is applied and on what the operator makes of it: `make test-k8s`.

checkov brings nearly a hundred packages in versions of its own, so it has an environment of its
own and is not among the plain tests.
"""

import json
import os
import shutil
import subprocess

import pytest
import yaml

from .conftest import ROOT

pytestmark = pytest.mark.checkov


@pytest.fixture(scope="module")
def results(applied, made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkov")
    # The operator's kinds say nothing to checkov: it is shown the Deployments made of them.
    (folder / "all.yaml").write_text(yaml.safe_dump_all(applied + made), encoding="utf-8")
    shutil.copy(ROOT / "k8s" / "Dockerfile", folder)
    checkov = os.environ.get("CHECKOV", "checkov")
    done = subprocess.run(
        [checkov, "--config-file", ROOT / ".checkov.yaml", "--directory", folder,
         "--framework", "kubernetes", "dockerfile", "--output", "json"],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_it_has_nothing_to_say(results):
    failed = [
        f"{one['check_id']} {one['check_name']}: {one['resource']}"
        for result in results
        for one in result["results"]["failed_checks"]
    ]
    assert failed == []


def test_it_has_looked(results):
    passed = {r["check_type"]: r["summary"]["passed"] for r in results}
    assert passed["kubernetes"] > 100
    assert passed["dockerfile"] > 20
    assert all(r["summary"]["parsing_errors"] == 0 for r in results)
