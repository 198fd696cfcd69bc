"""The manifests for Kubernetes: their form, their probes, and what they leave closed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.deploy.tools import DEPLOY

DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "example.yaml").read_text())
)
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in DOCUMENTS
    if "template" in each.get("spec", {})
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each["metadata"]["name"])
def test_their_form_is_that_of_kubernetes(document):
    """Each document follows the schema of its kind, without a word that it does not know."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")

    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_there_are_two_of_each():
    """Two web servers, two workers, two beats."""
    replicas = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for each in DOCUMENTS
        if each["kind"] == "Deployment"
    }

    assert replicas == {"web": 2, "worker": 2, "beat": 2}


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_each_has_a_probe_that_is_of_its_own(name):
    """Whoever hangs is started anew; a web server is not, because a beat is down."""
    (container,) = PODS[name]["containers"]

    assert "livenessProbe" in container
    assert ("readinessProbe" in container) == (name == "web")
    if name == "web":
        assert container["livenessProbe"]["httpGet"]["path"] == "/jobs/alive"


def test_a_worker_may_finish_its_longest_task():
    """CELERY_TASK_TIME_LIMIT is 30 minutes, and a worker has longer."""
    assert PODS["worker"]["terminationGracePeriodSeconds"] > 30 * 60


@pytest.mark.parametrize("name", PODS)
def test_no_pod_may_more_than_it_must(name):
    """No root, no token of the cluster, and no secret in the file."""
    pod = PODS[name]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["envFrom"] == [{"secretRef": {"name": "example"}}]
    assert "env" not in container
