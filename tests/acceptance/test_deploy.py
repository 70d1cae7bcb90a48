"""The files in `deploy/` are right as far as their checkers can tell, and agree with each other and with the code."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pagemill.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = DEPLOY / "kubernetes"
KUBERNETES = "1.37"
USER = 10001


def load(path: Path) -> dict[str, Any]:
    """A YAML file."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def list_arguments(instruction: str) -> list[str]:
    """What follows an instruction of the Dockerfile, each time."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(instruction).strip() for line in text.splitlines() if line.startswith(f"{instruction} ")]


def find_variables() -> dict[str, str]:
    """The environment that the image sets."""
    pairs = (pair.partition("=") for line in list_arguments("ENV") for pair in line.split())
    return {name: value for name, _, value in pairs}


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_image_copies_what_is_there_and_what_is_not_ignored() -> None:
    copied = [name for line in list_arguments("COPY") if "--from" not in line for name in line.split()[:-1]]
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name.removeprefix("./") for name in copied} == kept
    assert [name for name in kept if not (ROOT / name).exists()] == []


def test_the_image_runs_the_service_as_somebody_without_rights() -> None:
    assert list_arguments("USER") == [f"{USER}:{USER}"]
    assert list_arguments("CMD")[-1] == '["pagemill", "serve"]'
    assert f"--uid {USER}" in (DEPLOY / "Dockerfile").read_text()
    assert find_variables()["PAGEMILL_DATA_DIR"] in list_arguments("VOLUME")


def test_every_variable_names_a_setting() -> None:
    composed = load(DEPLOY / "compose.yaml")["services"]["pagemill"]["environment"]
    unit = [line.partition("=")[2] for line in unit_lines() if line.startswith("Environment=")]
    names = {*find_variables(), *composed, *(line.partition("=")[0] for line in unit)} - {"PATH"}
    assert len(names) >= 4
    for name in names:
        prefix, _, rest = name.partition("_")
        assert prefix == "PAGEMILL"
        place: Any = Settings
        for part in rest.lower().split("__"):
            assert part in place.model_fields, name
            place = place.model_fields[part].annotation


def test_the_composition_keeps_what_it_promises() -> None:
    services = load(DEPLOY / "compose.yaml")["services"]
    pagemill, database = services["pagemill"], services["database"]
    assert (DEPLOY / pagemill["build"]["context"] / pagemill["build"]["dockerfile"]).is_file()
    assert (pagemill["read_only"], pagemill["cap_drop"]) == (True, ["ALL"])
    assert pagemill["mem_limit"] == pagemill["memswap_limit"], "without swap"
    assert all(port.startswith("127.0.0.1:") for port in pagemill["ports"]), "it has no keys yet"
    user, name = database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"]
    password = database["environment"]["POSTGRES_PASSWORD"]
    url = f"postgresql+psycopg://{user}:{password}@database/{name}"
    assert pagemill["environment"]["PAGEMILL_DATABASE_URL"] == url
    mounted = {volume.partition(":")[0] for each in services.values() for volume in each["volumes"]}
    assert mounted == load(DEPLOY / "compose.yaml")["volumes"].keys()


def unit_lines() -> list[str]:
    return (DEPLOY / "pagemill.service").read_text().splitlines()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    there = ["ExecStart=/bin/true" if line.startswith("ExecStart=") else line for line in unit_lines()]
    (tmp_path / "pagemill.service").write_text("\n".join(there))
    checked = subprocess.run(
        [analyze, "verify", tmp_path / "pagemill.service"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_continues_after_the_death_of_a_worker() -> None:
    assert {"OOMPolicy=continue", "KillMode=mixed", "MemorySwapMax=0"} <= {*unit_lines()}


def resources() -> list[str]:
    found: list[str] = load(MANIFESTS / "kustomization.yaml")["resources"]
    return found


def test_the_base_has_every_manifest() -> None:
    assert {*resources(), "kustomization.yaml"} == {path.name for path in MANIFESTS.iterdir()}


@pytest.mark.parametrize("name", resources())
def test_kubernetes_accepts_the_manifest(name: str) -> None:
    kubernetes_validate.validate(load(MANIFESTS / name), KUBERNETES, strict=True)


def test_manifests_find_each_other() -> None:
    deployment, service = load(MANIFESTS / "deployment.yaml")["spec"], load(MANIFESTS / "service.yaml")["spec"]
    policy, volume = load(MANIFESTS / "network-policy.yaml")["spec"], load(MANIFESTS / "volume.yaml")
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert service["selector"] == labels
    assert policy["podSelector"]["matchLabels"] == labels
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert {port["name"] for port in container["ports"]} == {service["ports"][0]["targetPort"]} == {"http"}
    assert str(container["ports"][0]["containerPort"]) == list_arguments("EXPOSE")[0]
    claimed = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "emptyDir" not in each]
    assert claimed == [volume["metadata"]["name"]]
    assert {mount["name"] for mount in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {*list_arguments("VOLUME"), "/tmp"}
    assert (pod["securityContext"]["runAsUser"], container["securityContext"]["readOnlyRootFilesystem"]) == (USER, True)
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
