"""Rules for objects of one render: what refers to what, who scales whom, what is kept, what is frozen."""

import manifest
from render import RELEASE_NAMESPACE

CLUSTER_WIDE = {"Namespace"}
# Longest names: what the cluster adds to them (a pod's suffix, a job's time) must fit too.
NAME_MAX = {"StatefulSet": 52, "CronJob": 52, "Deployment": 52}


def unique_and_placed(label, objects):
    """No object twice, none in the release's namespace, none without a namespace; names and labels of legal length."""
    seen = set()
    for each in objects:
        key = (each["kind"], manifest.namespace(each), each["metadata"]["name"])
        if key in seen:
            yield f"{label}: {manifest.name(each)} is rendered twice"
        seen.add(key)
        if each["kind"] not in CLUSTER_WIDE and manifest.namespace(each) in ("", RELEASE_NAMESPACE):
            yield f"{label}: {manifest.name(each)} is not in one of the three namespaces"
        if len(each["metadata"]["name"]) > NAME_MAX.get(each["kind"], 63):
            yield f"{label}: the name of {manifest.name(each)} is too long"
        for key, value in each["metadata"].get("labels", {}).items():
            if len(str(value)) > 63:
                yield f"{label}: the label {key} of {manifest.name(each)} is too long"


def references(label, objects, given):
    """Every account, Secret, key, ConfigMap, claim and Service that is named is rendered, or given by the user."""
    known = {(each["kind"], manifest.namespace(each), each["metadata"]["name"]): each for each in objects}

    def missing(where, kind, namespace, name):
        return (kind, namespace, name) not in known and name not in given and f"{label}: {where} names {kind} {name}, which is not there"

    for owner, pod in manifest.pods(objects):
        where, namespace, spec = manifest.name(owner), manifest.namespace(owner), pod["spec"]
        wanted = [("ServiceAccount", spec["serviceAccountName"])]
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                wanted.append(("ConfigMap", volume["configMap"]["name"]))
            if "persistentVolumeClaim" in volume:
                wanted.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
        for name, key in manifest.secret_references(pod):
            wanted.append(("Secret", name))
            secret = known.get(("Secret", namespace, name))
            if secret and key and key not in secret.get("data", {}):
                yield f"{label}: {where} asks Secret {name} for {key}, which it does not hold"
        mounted = {mount["name"] for container in manifest.containers(pod) for mount in container.get("volumeMounts", [])}
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", [])}
        if mounted != volumes:
            yield f"{label}: {where} mounts {sorted(mounted)} and has {sorted(volumes)}"
        yield from filter(None, (missing(where, kind, namespace, name) for kind, name in wanted))
    yield from named_by_others(label, objects, known, missing)


def named_by_others(label, objects, known, missing):
    """Autoscalers, routes, triggers and StatefulSets name what is there; selectors pick a pod."""
    for each in objects:
        where, namespace, spec = manifest.name(each), manifest.namespace(each), each.get("spec", {})
        wanted = []
        if each["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            wanted.append(("Deployment", spec["scaleTargetRef"]["name"]))
        if each["kind"] == "ScaledObject":
            wanted += [("TriggerAuthentication", trigger["authenticationRef"]["name"]) for trigger in spec["triggers"]]
        if each["kind"] == "TriggerAuthentication":
            wanted += [("Secret", reference["name"]) for reference in spec["secretTargetRef"]]
        if each["kind"] == "StatefulSet":
            wanted.append(("Service", spec["serviceName"]))
        if each["kind"] == "Ingress":
            wanted += [("Service", path["backend"]["service"]["name"]) for rule in spec["rules"] for path in rule["http"]["paths"]]
        if each["kind"] == "HTTPRoute":
            wanted += [("Service", backend["name"]) for rule in spec["rules"] for backend in rule["backendRefs"]]
        yield from filter(None, (missing(where, kind, namespace, name) for kind, name in wanted))
        yield from selectors(label, each, objects)


def selectors(label, each, objects):
    """A selector picks at least one pod of its namespace; a Service's ports are ports of that pod."""
    spec = each.get("spec", {})
    selector = {
        "Service": lambda: {"matchLabels": spec["selector"]},
        "PodDisruptionBudget": lambda: spec["selector"],
        "NetworkPolicy": lambda: spec["podSelector"],
        "Deployment": lambda: spec["selector"],
        "StatefulSet": lambda: spec["selector"],
    }.get(each["kind"], lambda: None)()
    if not selector:
        return
    inside = [pod for owner, pod in manifest.pods(objects) if manifest.namespace(owner) == manifest.namespace(each)]
    picked = [pod for pod in inside if manifest.selects(selector, pod["metadata"]["labels"])]
    if not picked:
        yield f"{label}: {manifest.name(each)} selects no pod"
        return
    numbers = manifest.ports(picked[0])
    named = [port["targetPort"] for port in spec.get("ports", [])] if each["kind"] == "Service" else []
    if each["kind"] == "NetworkPolicy":
        named = [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])]
    for port in named:
        if port not in numbers:
            yield f"{label}: {manifest.name(each)} names the port {port}, which its pods do not have"


def scaling(label, objects):
    """Nothing has a number of replicas and an autoscaler, nor two autoscalers; KEDA never goes to zero."""
    scalers = manifest.of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    targets = [(manifest.namespace(each), each["spec"]["scaleTargetRef"]["name"]) for each in scalers]
    if len(targets) != len(set(targets)):
        yield f"{label}: a Deployment has two autoscalers"
    for each in manifest.of_kind(objects, "Deployment"):
        scaled = (manifest.namespace(each), each["metadata"]["name"]) in targets
        if scaled == ("replicas" in each["spec"]):
            yield f"{label}: {manifest.name(each)} has {'both an autoscaler and' if scaled else 'neither an autoscaler nor'} replicas"
    for each in manifest.of_kind(objects, "ScaledObject"):
        if each["spec"]["minReplicaCount"] < 1:
            yield f"{label}: KEDA may stop the last consumer, and one lone entry would wait for ever"
    for each in manifest.of_kind(objects, "PodDisruptionBudget"):
        if "maxUnavailable" not in each["spec"] or "minAvailable" in each["spec"]:
            yield f"{label}: {manifest.name(each)} may block the draining of a node"


def kept(label, objects):
    """What holds data, or opens it, survives an uninstall."""
    claims_of_stores = manifest.of_kind(objects, "StatefulSet")
    for each in claims_of_stores:
        if set(each["spec"]["persistentVolumeClaimRetentionPolicy"].values()) != {"Retain"}:
            yield f"{label}: {manifest.name(each)} deletes its claims"
    stores = {f"{each['metadata']['name']}" for each in claims_of_stores}
    for each in objects:
        holds = each["kind"] in ("Namespace", "PersistentVolumeClaim") or (each["kind"] == "Secret" and each["metadata"]["name"] in stores)
        if holds and each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") != "keep":
            yield f"{label}: {manifest.name(each)} is deleted on uninstall"


def claims_are_bound(label, objects):
    """Some pod mounts each claim at once: many classes bind at the first pod, and `helm --wait` waits for bound claims."""
    now = [pod for owner, pod in manifest.pods(objects) if owner["kind"] in ("Job", "Deployment", "StatefulSet")]
    mounted = {volume["persistentVolumeClaim"]["claimName"] for pod in now for volume in pod["spec"].get("volumes", []) if "persistentVolumeClaim" in volume}
    for claim in manifest.of_kind(objects, "PersistentVolumeClaim"):
        if claim["metadata"]["name"] not in mounted:
            yield f"{label}: {manifest.name(claim)} waits for its first pod, and `helm --wait` for the claim"


def named_by_content(label, objects):
    """A Job that is not a hook ends in a hash, because a Job cannot be changed; tracked ones do not delete themselves."""
    for job in manifest.of_kind(objects, "Job"):
        if not job["metadata"]["name"].split("-")[-1].isalnum() or len(job["metadata"]["name"].split("-")[-1]) != 8:
            yield f"{label}: {manifest.name(job)} has a name that does not follow its content"
        labels = job["spec"]["template"]["metadata"]["labels"]
        if labels["app.kubernetes.io/component"] == "migrate" and "ttlSecondsAfterFinished" in job["spec"]:
            yield f"{label}: {manifest.name(job)} deletes itself, which reads as drift"
    hooks = [each for each in objects if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    for hook in hooks:
        if hook["metadata"]["annotations"]["helm.sh/hook"] != "test":
            yield f"{label}: {manifest.name(hook)} is a hook that is no test"


def frozen(objects):
    """What can never change after 1.0, in the form of frozen.yaml."""
    facts = {}
    for each in manifest.of_kind(objects, "Deployment", "StatefulSet", "Service"):
        spec = each["spec"]
        facts[manifest.name(each)] = {
            "selector": spec["selector"],
            **({"serviceName": spec["serviceName"], "podManagementPolicy": spec["podManagementPolicy"]} if each["kind"] == "StatefulSet" else {}),
            **({"claims": [{"labels": c["metadata"]["labels"], "name": c["metadata"]["name"], "modes": c["spec"]["accessModes"]} for c in spec["volumeClaimTemplates"]]} if "volumeClaimTemplates" in spec else {}),
        }
    return facts
