"""The manifests of Kubernetes: what its schema has, and what its strictest standard asks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
OVERLAYS = ("single", "fleet")
ALLOWED = {"apiVersion", "kind", "namespace", "resources", "images"}
"""What our kustomizations say; the resources they name are then all there is."""


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the resources that a kustomization names, and those of the folders that it names."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert kustomization.keys() <= ALLOWED
    listed = {path for name in kustomization["resources"] if (path := folder / name).is_file()}
    assert listed == set(folder.glob("*.yaml")) - {folder / "kustomization.yaml"}
    for name in kustomization["resources"]:
        path = folder / name
        if path.is_dir():
            yield from documents(path)
        else:
            yield from yaml.safe_load_all(path.read_text())


def pods(overlay: str) -> list[dict[str, Any]]:
    """Return the specifications of all pods."""
    found = [
        each["spec"]["template"]["spec"]
        for each in documents(KUBERNETES / overlay)
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}
    ]
    assert found
    return found


@pytest.mark.parametrize(
    ("overlay", "version"),
    [
        *((overlay, NEWEST) for overlay in OVERLAYS),
        *(pytest.param(overlay, OLDEST, marks=pytest.mark.slow) for overlay in OVERLAYS),
    ],
)
def test_every_manifest_is_what_the_schema_of_a_version_has(overlay: str, version: str) -> None:
    for document in documents(KUBERNETES / overlay):
        kubernetes_validate.validate(document, version, strict=True)


def test_a_manifest_with_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Service", "spec": {"port": 80}}, NEWEST, strict=True
        )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_keeps_the_restricted_standard(overlay: str) -> None:
    for pod in pods(overlay):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert {next(iter(each.keys() - {"name"})) for each in pod["volumes"]} <= {
            "emptyDir",
            "secret",
        }
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_has_limits_a_read_only_root_and_no_token(overlay: str) -> None:
    for pod in pods(overlay):
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert {"cpu", "memory"} == container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_finds_the_pods_it_is_for(overlay: str) -> None:
    every = list(documents(KUBERNETES / overlay))
    labels = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in every
        if each["kind"] in {"Deployment", "StatefulSet"}
    ]
    names = {(each["kind"], each["metadata"]["name"]) for each in every}
    for each in every:
        if each["kind"] == "Service":
            assert any(each["spec"]["selector"].items() <= own.items() for own in labels)
        if each["kind"] == "PodDisruptionBudget":
            wanted = each["spec"]["selector"]["matchLabels"]
            assert any(wanted.items() <= own.items() for own in labels)
        if each["kind"] == "HorizontalPodAutoscaler":
            target = each["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in names


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_kustomize_makes_is_what_the_schema_has(overlay: str) -> None:
    command = ["kubectl", "kustomize", str(KUBERNETES / overlay)]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = list(yaml.safe_load_all(made))
    assert len(found) == len(list(documents(KUBERNETES / overlay)))
    for document in found:
        kubernetes_validate.validate(document, NEWEST, strict=True)
        assert document["metadata"].get("namespace", "partialpool") == "partialpool"
    assert "image: partialpool\n" not in made
