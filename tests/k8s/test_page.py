"""Every command of docs/kubernetes.md, held to the manifests."""

import re
import shlex
import shutil
import subprocess
from importlib.metadata import version
from importlib.resources import files

import pytest
import yaml

from jfdask.settings import StoreSettings

from .conftest import ROOT

OVERLAY = "k8s/overlays/home"  # a copy of the example's


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lines(page):
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def names(applied):
    """Return the names that commands may use, by kind: those of what is applied."""
    found = {}
    for one in applied:
        found.setdefault(one["kind"].lower(), set()).add(one["metadata"]["name"])
    return found


def option(words, name):
    """Return the values of an option, given as `--name value` or `--name=value`."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    return [b for a, b in pairs if a == name] + [
        word.partition("=")[2] for word in words if word.startswith(f"{name}=")
    ]


def test_the_commands_are_those_that_are_looked_at(lines):
    told = {(words[0], next(w for w in words[1:] if not w.startswith("-"))) for words in lines}
    programs = {program.removeprefix(".venv/bin/") for program, _ in told}
    assert programs == {"helm", "kubectl", "docker", "cp", "jfdask", "make", "python"}
    assert len(lines) >= 16


def test_the_chart_is_the_librarys_at_its_version(lines):
    chart = files("dask_kubernetes.operator") / "deployment/helm/dask-kubernetes-operator"
    name = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))["name"]
    install, kinds, uninstall = [words for words in lines if words[0] == "helm"]
    assert kinds[1:3] == ["show", "crds"]
    for words in (install, kinds):
        assert name in words
        assert option(words, "--version") == [version("dask-kubernetes")]
        assert option(words, "--repo") == ["https://helm.dask.org"]
    pinned = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'kubernetes = ["dask-kubernetes=={version("dask-kubernetes")}"' in pinned
    # The namespace that the policies let through.
    assert option(install, "--namespace") == option(uninstall, "--namespace") == ["dask-operator"]
    assert install[install.index("--install") + 1] == uninstall[2]


def test_namespaces_are_there(lines, names):
    known = names["namespace"] | {"dask-operator"}
    for words in lines:
        assert set(option(words, "--namespace")) <= known, words
    [deleted] = [w[-1] for w in lines if w[:3] == ["kubectl", "delete", "namespace"]]
    assert {deleted} == names["namespace"]


def test_paths_are_there(lines):
    for words in lines:
        for path in words:
            if path.startswith("k8s/"):
                path = path.replace(OVERLAY, "k8s/overlays/example")
                assert (ROOT / path).exists(), words
    [copy] = [words for words in lines if words[0] == "cp"]
    assert copy[2:] == ["k8s/overlays/example", OVERLAY]


def test_the_secrets_are_those_that_are_mounted(lines, pods, applied):
    [settings] = [one for one in applied if one["kind"] == "ConfigMap"]
    secrets = {
        volume["secret"]["secretName"]
        for pod in pods.values()
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    made = {}
    for words in lines:
        if "secret" in words:
            name = words[words.index("generic") + 1]
            made[name] = {pair.partition("=")[0] for pair in option(words, "--from-file")}
    assert set(made) == secrets
    # A household's file, and those that the variables name.
    [container] = pods["night"]["spec"]["containers"]
    env = {e["name"]: e["value"] for e in container["env"]}
    named = {v.rpartition("/")[2] for k, v in env.items() if re.fullmatch(r"STORE_\w+_FILE", k)}
    assert made["jfdask-store"] == named
    keys = re.findall(r'api_key_file = "(.+?)"', settings["data"]["jfdask.toml"])
    assert {key.rpartition("/")[2] for key in keys} == made["jfdask-jellyfin"]


def test_jobs_and_kinds_are_there(lines, names):
    [run] = [words for words in lines if words[0] == "kubectl" and "job" in words]
    assert option(run, "--from") == [f"cronjob/{next(iter(names['cronjob']))}"]
    name = run[run.index("job") + 1]
    [logs] = [words for words in lines if "logs" in words]
    assert logs[-1] == f"job/{name}"
    [patch] = [words for words in lines if "patch" in words]
    assert patch[patch.index("cronjob") + 1] in names["cronjob"]
    assert yaml.safe_load(option(patch, "--patch")[0]) == {"spec": {"suspend": True}}
    [get] = [words for words in lines if "pods,daskclusters,daskautoscalers" in words]
    crds = files("dask_kubernetes.operator") / "deployment/helm/dask-kubernetes-operator/crds"
    plurals = {
        re.findall(r"^    plural: (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[0]
        for path in crds.iterdir()
    }
    assert set(get[-1].split(",")) - plurals == {"pods"}


def test_the_image_is_that_of_the_overlay(lines, pods):
    [build] = [words for words in lines if words[0] == "docker"]
    [container] = pods["night"]["spec"]["containers"]
    assert option(build, "--tag") == [container["image"]]
    assert option(build, "--platform") == ["linux/amd64,linux/arm64"]


def test_everything_to_change_is_marked(page):
    table = page.partition("| file | what |")[2].partition("\n\n")[0]
    told = set(re.findall(r"`([\w.]+)`", table)) - {"CHANGE"}
    marked = {
        path.name
        for path in (ROOT / "k8s/overlays/example").iterdir()
        if "CHANGE" in path.read_text(encoding="utf-8")
    }
    assert told == marked


def test_its_numbers_are_the_manifests(page, cluster, applied, pods):
    page = re.sub(r"\s+", " ", page)
    [job] = [one for one in applied if one["kind"] == "CronJob"]
    assert cluster["spec"]["idleTimeout"] == 30 * 60
    assert "no task for 30 minutes" in page
    assert job["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 4
    assert "started again, four times at most" in page
    # Kubernetes waits 10 s, 20 s, 40 s, 80 s: the last try comes after a dead night's lease.
    assert sum(10 * 2**i for i in range(4)) > StoreSettings().lock_seconds
    asked = {w: p["spec"]["containers"][0]["resources"]["requests"] for w, p in pods.items()}
    assert (asked["worker"]["cpu"], asked["worker"]["memory"]) == ("1", "2Gi")
    for which in ("night", "scheduler"):
        assert (asked[which]["cpu"], asked[which]["memory"]) == ("250m", "512Mi")
    assert "4.5 cores and 9 GiB with the default of four" in page


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl: checked by name above")
def test_kubectl_itself_takes_what_needs_no_cluster(lines, tmp_path):
    for name in ("home.key", "store.key", "store.secret"):
        (tmp_path / name).write_text("x")
    for words in lines:
        if "secret" in words:
            words = words[: words.index("|")] if "|" in words else words
            if "--dry-run=client" not in words:
                words = [*words, "--dry-run=client", "--output", "yaml"]
            subprocess.run(words, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
