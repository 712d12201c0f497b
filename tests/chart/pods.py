"""Rules for every pod: Pod Security "restricted", no token, bounded."""

import re

import manifest

# What the standard "restricted" lets a pod mount.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def restricted(label, objects):
    """Every pod passes the standard, by what it says itself and not by defaults."""
    for owner, pod in manifest.pods(objects):
        where, spec = f"{label}: {manifest.name(owner)}", pod["spec"]
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(field):
                yield f"{where} asks for {field}"
        security = spec.get("securityContext", {})
        if not security.get("runAsNonRoot") or not security.get("runAsUser") or not security.get("fsGroup"):
            yield f"{where} does not fix a user that is not root, and a group for its volumes"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{where} has no seccompProfile"
        for volume in spec.get("volumes", []):
            if set(volume) - {"name"} - VOLUMES:
                yield f"{where} mounts a volume of a kind that is not allowed: {volume}"
        for container in manifest.containers(pod):
            yield from restricted_container(f"{where}, container {container['name']}", container)


def restricted_container(where, container):
    """The same for a container."""
    security = container.get("securityContext", {})
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
    for key, value in wanted.items():
        if security.get(key) is not value:
            yield f"{where}: {key} is not {value}"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{where} keeps capabilities"
    if security.get("privileged") or any("hostPort" in port for port in container.get("ports", [])):
        yield f"{where} is privileged, or takes a port of the host"


def bounded(label, objects):
    """No token, no service links; every container has requests, a memory limit and an image that is pinned by more than a name."""
    for owner, pod in manifest.pods(objects):
        where, spec = f"{label}: {manifest.name(owner)}", pod["spec"]
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{where} takes a token or service links"
        if spec.get("serviceAccountName", "default") == "default":
            yield f"{where} runs as the namespace's default account"
        for container in manifest.containers(pod):
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
                yield f"{where}, container {container['name']} has no requests or no limit"
            if not re.search(r"(:[^:/]+|@sha256:[0-9a-f]{64})$", container["image"]) or container["image"].endswith(":latest"):
                yield f"{where}, container {container['name']} has the image {container['image']}, which may change"
            if container.get("imagePullPolicy") not in ("IfNotPresent", "Always", "Never"):
                yield f"{where}, container {container['name']} has no imagePullPolicy"
    for account in manifest.of_kind(objects, "ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{label}: {manifest.name(account)} mounts its token"


def orderly(label, objects):
    """Deployments keep serving while they change, and their pods get the time to finish that they ask for."""
    for deployment in manifest.of_kind(objects, "Deployment"):
        where = f"{label}: {manifest.name(deployment)}"
        if deployment["spec"]["strategy"]["rollingUpdate"] != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{where} takes pods away before others are ready"
        spec = deployment["spec"]["template"]["spec"]
        container = spec["containers"][0]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = "/ready" if probe == "readinessProbe" else "/health"
            if container.get(probe, {}).get("httpGet", {}).get("path") != path:
                yield f"{where} has no {probe} on {path}"
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace = [int(each["value"]) for each in container["env"] if each["name"].endswith("GRACE_SECONDS")]
        if spec["terminationGracePeriodSeconds"] <= sleep + grace[0]:
            yield f"{where} may be killed before it is done"
