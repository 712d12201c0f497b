"""Questions about rendered objects."""


def name(thing):
    """Kind, namespace and name, as a person would say it."""
    meta = thing["metadata"]
    return f"{thing['kind']} {meta.get('namespace', '')}/{meta['name']}"


def of_kind(objects, *kinds):
    """The objects of these kinds."""
    return [each for each in objects if each["kind"] in kinds]


def namespace(thing):
    """Where an object is."""
    return thing["metadata"].get("namespace", "")


def template(thing):
    """The pod template of a workload, the pod itself, or None."""
    kind = thing["kind"]
    if kind == "Pod":
        return {"metadata": thing["metadata"], "spec": thing["spec"]}
    if kind == "CronJob":
        return thing["spec"]["jobTemplate"]["spec"]["template"]
    if kind in ("Deployment", "StatefulSet", "Job", "DaemonSet", "ReplicaSet"):
        return thing["spec"]["template"]
    return None


def pods(objects):
    """Pairs of an object that makes pods, and its pod template."""
    return [(each, template(each)) for each in objects if template(each)]


def containers(pod):
    """All containers of a pod's spec, init containers first."""
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def component(pod):
    """What a pod is for."""
    return pod["metadata"]["labels"]["app.kubernetes.io/component"]


def selects(selector, labels):
    """Whether a label selector (of matchLabels alone) picks these labels."""
    assert set(selector) <= {"matchLabels"}, f"a selector that this check does not read: {selector}"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def secret_references(pod):
    """Names of Secrets that a pod uses, with the keys it asks for."""
    spec = pod["spec"]
    for container in containers(pod):
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield reference["name"], reference["key"]
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield source["secretRef"]["name"], None
    for volume in spec.get("volumes", []):
        if "secret" in volume:
            items = volume["secret"].get("items") or [{"key": None}]
            yield from ((volume["secret"]["secretName"], item["key"]) for item in items)


def ports(pod):
    """Names of a pod's ports, with their numbers."""
    return {port["name"]: port["containerPort"] for each in containers(pod) for port in each.get("ports", [])}
