import shutil
import tomllib
from functools import cache
from importlib.resources import files

import jsonschema
import kubernetes_validate
import pytest
import yaml
from dask.utils import parse_bytes

from jfdask.cluster.forkserver import ENVIRONMENT
from jfdask.cluster.kubernetes_spec import fill_in, read_spec
from jfdask.configuration import load_settings
from jfdask.errors import SettingsError
from jfdask.stages import night

from .conftest import ROOT

#: The oldest Kubernetes that is still maintained when this is written, and the newest known here.
VERSIONS = ("1.34", kubernetes_validate.latest_version())
CRDS = "deployment/helm/dask-kubernetes-operator/crds"


@cache
def crd(kind):
    """Return the schema of one of the operator's kinds, with unknown keys refused."""
    path = files("dask_kubernetes.operator") / CRDS / f"{kind}.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    [version] = document["spec"]["versions"]
    schema = _strict(version["schema"]["openAPIV3Schema"])
    # Every object has these, whether or not a schema names them.
    for key in ("apiVersion", "kind", "metadata"):
        schema["properties"].setdefault(key, {})
    return schema


def _strict(schema):
    # Kubernetes drops what a schema does not name, silently; here it is a mistake.
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _strict(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        preserves = schema.get("x-kubernetes-preserve-unknown-fields")
        if not preserves and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
    return schema


def of_kind(things, kind):
    return [thing for thing in things if thing["kind"] == kind]


class TestSchemas:
    def test_the_rendered_example_is_of_these_files(self, rendering):
        first, *_ = rendering["RENDERED"].read_text(encoding="utf-8").splitlines()
        assert rendering["digest"]() in first, "the manifests have changed: run `make k8s`."
        if shutil.which("kubectl"):
            assert rendering["render"]() == rendering["RENDERED"].read_text(encoding="utf-8")

    @pytest.mark.parametrize("version", VERSIONS)
    def test_kubernetes_knows_every_key(self, applied, made, version):
        assert len(applied) >= 14
        for thing in applied + made:
            kubernetes_validate.validate(thing, version, strict=True)

    def test_a_key_it_does_not_know_is_noticed(self, applied):
        [job] = of_kind(applied, "CronJob")
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(
                {**job, "spec": {**job["spec"], "timezone": "UTC"}}, VERSIONS[-1], strict=True
            )

    def test_the_operator_knows_every_key(self, cluster):
        jsonschema.validate(cluster, crd("daskcluster"))

    def test_a_key_the_operator_does_not_know_is_noticed(self, cluster):
        wrong = {**cluster, "spec": {**cluster["spec"], "idletimeout": 3}}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, crd("daskcluster"))

    def test_what_the_library_sends_to_adapt(self):
        sent = {
            "apiVersion": "kubernetes.dask.org/v1",
            "kind": "DaskAutoscaler",
            "metadata": {"name": "jfdask"},
            "spec": {"cluster": "jfdask", "minimum": 1, "maximum": 4},
        }
        jsonschema.validate(sent, crd("daskautoscaler"))


class TestPods:
    @pytest.mark.parametrize("which", ["night", "scheduler", "worker"])
    def test_they_may_do_little(self, pods, which):
        spec = pods[which]["spec"]
        [container] = spec["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        }
        for bounds in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][bounds])
        # What they write lies in the one volume that may be written, also what is not named so.
        env = {e["name"]: e.get("value") for e in container["env"]}
        assert env["HOME"] == env["TMPDIR"] == "/scratch"
        writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert writable == {"/scratch"}
        [scratch] = [v for v in spec["volumes"] if v["name"] == "scratch"]
        assert scratch["emptyDir"]["sizeLimit"]

    def test_only_the_night_has_a_token_of_kubernetes(self, pods):
        tokens = {which: "serviceAccountToken" in str(pod) for which, pod in pods.items()}
        assert tokens == {"night": True, "scheduler": False, "worker": False}

    def test_secrets_are_files_and_by_reference(self, applied, pods):
        assert of_kind(applied, "Secret") == []
        mounts = {}
        for which, pod in pods.items():
            assert "secretKeyRef" not in str(pod)
            secret = {
                volume["name"]: volume["secret"]["secretName"]
                for volume in pod["spec"]["volumes"]
                if "secret" in volume
            }
            [container] = pod["spec"]["containers"]
            mounts[which] = {
                secret[m["name"]]: m["mountPath"]
                for m in container["volumeMounts"]
                if m["name"] in secret
            }
        # The settings name paths: they have to be the same where they are used.
        assert mounts["night"] == mounts["worker"]
        assert set(mounts["night"]) == {"jfdask-jellyfin", "jfdask-store"}
        assert mounts["scheduler"] == {}

    def test_probes_ask_ports_there_are(self, pods):
        for which in ("scheduler", "worker"):
            [container] = pods[which]["spec"]["containers"]
            names = {port["name"] for port in container["ports"]}
            for probe in ("readinessProbe", "livenessProbe"):
                assert container[probe]["httpGet"]["port"] in names

    def test_workers_are_as_the_night_needs_them(self, pods):
        [worker] = pods["worker"]["spec"]["containers"]
        command = worker["command"]
        assert command[:2] == ["dask", "worker"]
        assert command[command.index("--nthreads") + 1] == "1"
        assert command[command.index("--name") + 1] == "$(DASK_WORKER_NAME)"
        [scheduler] = pods["scheduler"]["spec"]["containers"]
        assert scheduler["command"][:2] == ["dask", "scheduler"]
        env = {e["name"]: e.get("value") for e in worker["env"]}
        own = {"DASK_LOGGING__DISTRIBUTED", "PYTHONHASHSEED"}  # the log is a pod's; the nanny's
        assert {k: env[k] for k in ENVIRONMENT.keys() - own} == {
            k: ENVIRONMENT[k] for k in ENVIRONMENT.keys() - own
        }
        assert env["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] == "False"

    def test_the_nanny_ends_a_worker_before_the_kernel_ends_both(self, pods):
        [worker] = pods["worker"]["spec"]["containers"]
        env = {e["name"]: e.get("value") for e in worker["env"]}
        limit = parse_bytes(worker["resources"]["limits"]["memory"])
        left = (1 - float(env["DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE"])) * limit
        assert left > 2 * 94 * 2**20  # twice what nanny and resource tracker take


class TestTheNight:
    @pytest.fixture
    def job(self, applied):
        [job] = of_kind(applied, "CronJob")
        return job["spec"]

    def test_one_at_a_time_and_not_for_ever(self, job):
        assert job["concurrencyPolicy"] == "Forbid"
        assert job["timeZone"] == "Europe/Berlin"
        assert job["startingDeadlineSeconds"] > 600  # fewer than 10 s, and none would start
        spec = job["jobTemplate"]["spec"]
        assert spec["activeDeadlineSeconds"] < 24 * 3600 - job["startingDeadlineSeconds"]
        assert spec["template"]["spec"]["restartPolicy"] == "Never"

    def test_what_again_would_not_mend_is_not_done_again(self, job):
        rules = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
        codes = rules[0]["onExitCodes"]
        assert (rules[0]["action"], codes["operator"]) == ("FailJob", "In")
        # A lock may be that of a night that was killed: it ends with its lease.
        assert set(codes["values"]) == {SettingsError.exit_code, night.IN_PART}
        [container] = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        assert codes["containerName"] == container["name"]

    def test_there_is_time_to_take_the_cluster_away(self, pods):
        from jfdask.cluster.kubernetes import REMOVAL_SECONDS

        assert pods["night"]["spec"]["terminationGracePeriodSeconds"] >= REMOVAL_SECONDS + 30

    def test_its_settings_are_ones_and_its_image_is_everybodys(self, applied, pods, tmp_path):
        [settings] = of_kind(applied, "ConfigMap")
        [container] = pods["night"]["spec"]["containers"]
        env = {e["name"]: e["value"] for e in container["env"]}
        volumes = {v["name"]: v for v in pods["night"]["spec"]["volumes"]}
        assert volumes["settings"]["configMap"]["name"] == settings["metadata"]["name"]
        for name, text in settings["data"].items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        environ = {k: v.replace("/etc/jfdask", str(tmp_path)) for k, v in env.items()}
        loaded = load_settings(None, environ)
        assert loaded.cluster.address == "kubernetes"
        assert loaded.cluster.kubernetes_image == container["image"]
        [mount] = [m for m in container["volumeMounts"] if m["name"] == "jellyfin"]
        for household in loaded.households:
            assert str(household.api_key_file).startswith(mount["mountPath"])
        for variable in (loaded.store.key_env, loaded.store.secret_env):
            assert env[f"{variable}_FILE"].startswith("/run/secrets/jfdask/store/")
        spec = fill_in(
            read_spec(loaded.cluster.kubernetes_spec), "0a1b2c3d", container["image"], 3, 600
        )
        kinds = [spec["spec"][c]["spec"]["containers"][0]["image"] for c in ("scheduler", "worker")]
        assert kinds == [container["image"]] * 2
        jsonschema.validate(spec, crd("daskcluster"))

    def test_the_bases_settings_are_ones(self):
        text = (ROOT / "k8s/base/jfdask.toml").read_text(encoding="utf-8")
        assert tomllib.loads(text)["households"]


class TestAccess:
    def test_the_accounts_pods_run_as_exist(self, applied, pods):
        accounts = {a["metadata"]["name"] for a in of_kind(applied, "ServiceAccount")}
        used = {pod["spec"]["serviceAccountName"] for pod in pods.values()}
        assert used == accounts == {"jfdask-night", "jfdask-dask"}

    def test_the_nights_account_alone_has_a_role(self, applied):
        [binding] = of_kind(applied, "RoleBinding")
        [subject] = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == ("jfdask-night", "jfdask")
        [role] = of_kind(applied, "Role")
        assert "*" not in str(role)
        assert of_kind(applied, "ClusterRole") == []


def selects(selector, labels):
    """Tell whether a label selector selects an object with such labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for part in selector.get("matchExpressions", []):
        is_in = labels.get(part["key"]) in part["values"]
        if is_in != (part["operator"] == "In"):
            return False
    return True


class TestNetwork:
    """The policies, asked as a cluster asks them: may this pod reach that one, at this port?"""

    @pytest.fixture
    def labels(self, pods):
        return {which: pod["metadata"]["labels"] for which, pod in pods.items()}

    @pytest.fixture
    def may(self, applied, labels):
        policies = [p["spec"] for p in of_kind(applied, "NetworkPolicy")]
        labels = {**labels, "stranger": {"app": "stranger"}}

        def allows(way, at, other, port):
            mine = [
                policy
                for policy in policies
                if way in policy["policyTypes"] and selects(policy["podSelector"], labels[at])
            ]
            assert mine, "nothing restricts it"
            side = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[way]
            return any(
                any(
                    "namespaceSelector" not in peer
                    and "podSelector" in peer
                    and selects(peer["podSelector"], labels[other])
                    for peer in rule[side[1]]
                )
                and port in [p["port"] for p in rule["ports"]]
                for policy in mine
                for rule in policy.get(side[0], [])
            )

        def may(source, target, port):
            return allows("Egress", source, target, port) and allows(
                "Ingress", target, source, port
            )

        return may

    def test_whoever_has_to_reaches_whom(self, may):
        for port in (8786, 8787):
            assert may("night", "scheduler", port)
            assert may("worker", "scheduler", port)
        for port in (8788, 8789, 8790):
            assert may("scheduler", "worker", port)
            assert may("worker", "worker", port)

    def test_nobody_else_reaches_anybody(self, may):
        for port in (8786, 8787, 8788, 8789, 8790, 443, 80):
            assert not may("stranger", "scheduler", port)
            assert not may("stranger", "worker", port)
            assert not may("worker", "night", port)
            assert not may("scheduler", "night", port)
            assert not may("night", "worker", port)

    def test_the_ports_are_the_pods(self, pods, made):
        for which, ports in (("scheduler", {8786, 8787}), ("worker", {8788, 8789, 8790})):
            [container] = pods[which]["spec"]["containers"]
            assert {p["containerPort"] for p in container["ports"]} == ports
            command = " ".join(container["command"])
            assert all(str(port) in command for port in ports)
        _, service, _ = made
        assert {p["port"] for p in service["spec"]["ports"]} == {8786, 8787}

    def test_the_operator_reaches_the_scheduler(self, applied):
        [policy] = [
            p for p in of_kind(applied, "NetworkPolicy") if p["metadata"]["name"] == "scheduler"
        ]
        namespaces = [
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in policy["spec"]["ingress"]
            for peer in rule["from"]
            if "namespaceSelector" in peer
        ]
        assert namespaces == ["dask-operator"]

    def test_the_way_out_is_to_addresses(self, applied, labels):
        out = {}
        for policy in of_kind(applied, "NetworkPolicy"):
            for rule in policy["spec"].get("egress", []):
                for peer in rule["to"]:
                    if "ipBlock" in peer:
                        assert peer["ipBlock"]["cidr"].endswith("/32")
                        out[policy["metadata"]["name"]] = [
                            which
                            for which, own in labels.items()
                            if selects(policy["spec"]["podSelector"], own)
                        ]
        assert out == {
            "jellyfin": ["night", "worker"],
            "store": ["night", "worker"],
            "kubernetes-api": ["night"],
            "names": ["night", "scheduler", "worker"],  # on the node itself
        }
