"""Settings that containers are given: known to the programs, and within Redis's memory."""

import base64
import re

import manifest
from render import CHART, Question


def known(label, objects):
    """Every TALLY_ variable is one that .env.example lists; every program has its URLs."""
    example = (CHART.parent / ".env.example").read_text()
    names = set(re.findall(r"(?m)^(?:# )?(TALLY_[A-Z_]+)=", example))
    for owner, pod in manifest.pods(objects):
        for container in manifest.containers(pod):
            given = [each["name"] for each in container.get("env", [])]
            where = f"{label}: {manifest.name(owner)}, container {container['name']}"
            for name in given:
                if name.startswith("TALLY_") and name not in names:
                    yield f"{where} sets {name}, which no program knows"
            if len(given) != len(set(given)):
                yield f"{where} sets a variable twice"
            command = container.get("command", [""])
            if command[0] in ("tally-api", "tally-consumer") and command[-1] != "--version":
                wanted = {"TALLY_DATABASE_URL"} | ({"TALLY_REDIS_URL"} if command[0] == "tally-api" or command[1] in ("run", "drain", "open") else set())
                urls = {each for each in given if each.endswith("_URL")}
                if urls != wanted:
                    yield f"{where} has {sorted(urls)} and needs {sorted(wanted)}"


def fits_memory(label, objects):
    """What the log may hold, and a quarter more, is within maxmemory; maxmemory is well within the limit."""
    redis = next((each for each in manifest.of_kind(objects, "StatefulSet") if each["metadata"]["name"].endswith("-redis")), None)
    api = next(each for each in manifest.of_kind(objects, "Deployment") if each["metadata"]["name"].endswith("-api"))
    values = {each["name"]: each.get("value") for each in api["spec"]["template"]["spec"]["containers"][0]["env"]}
    held = sum(int(values[f"TALLY_{name}_BYTES"]) for name in ("BACKLOG", "RETENTION", "DEDUPE"))
    if not redis:
        return
    config = next(each for each in manifest.of_kind(objects, "ConfigMap") if "redis.conf" in each["data"])["data"]["redis.conf"]
    maxmemory = int(re.search(r"(?m)^maxmemory (\d+)$", config).group(1))
    limit = redis["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    limit_bytes = int(limit[:-2]) * {"Mi": 2**20, "Gi": 2**30}[limit[-2:]]
    if not (held * 1.25 <= maxmemory <= held * 1.25 + 10 and maxmemory <= limit_bytes * 0.8):
        yield f"{label}: the log may hold {held} bytes in a maxmemory of {maxmemory} and a limit of {limit_bytes}"
    for line in ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "no-appendfsync-on-rewrite no"):
        if line not in config.splitlines():
            yield f"{label}: redis.conf lacks `{line}`"


def redis_users(helm):
    """Redis's users have the rights that the test of crates/stream proves enough, and no more."""
    test = re.sub(r"\\\n\s*", "", (CHART.parent / "crates/stream/tests/open.rs").read_text())
    rights = dict(re.findall(r'const (BOTH|API|CONSUMER): &str = "([^"]*)"', test))
    secrets = {each["metadata"]["name"]: each for each in manifest.of_kind(helm.must_render([Question()])[0].objects, "Secret")}
    lines = base64.b64decode(secrets["tally-redis"]["data"]["users.acl"]).decode().splitlines()
    users = {line.split()[1]: set(line.split()[4:]) for line in lines}
    for user, part in (("tally_api", "API"), ("tally_consumer", "CONSUMER")):
        proved = set(f"~events:* {rights['BOTH']} {rights[part]}".split())
        if users[user] != proved:
            yield f"{user} differs in {sorted(users[user] ^ proved)}"
    writes = {"+xadd", "+hset", "+xtrim", "+evalsha", "+@all"}
    if users["tally_metrics"] & writes:
        yield "tally_metrics may write"


def appear_when_asked(helm):
    """What is dangerous or costs something is there only when asked for."""
    asked = [Question(), Question(values={"restore": {"enabled": True}, "consumer": {"replicas": 0}}), Question(values={"customResources": {"renderMode": "skip"}, "gateway": {"enabled": True, "parentRefs": [{"name": "g"}]}})]
    plain, restore, skip = helm.must_render(asked)
    named = lambda answer: {manifest.name(each).rsplit("-", 1)[0] for each in answer.objects}
    if "Job tally-data/tally-restore" in named(plain) or "Job tally-data/tally-restore" not in named(restore):
        yield "the restore Job is there unasked, or not when asked for"
    if manifest.of_kind(skip.objects, "HTTPRoute"):
        yield "renderMode skip renders a type that the cluster lacks"
    for kind in ("CronJob", "Ingress", "HorizontalPodAutoscaler", "HTTPRoute", "ServiceMonitor"):
        if manifest.of_kind(plain.objects, kind):
            yield f"the default values render a {kind}"
