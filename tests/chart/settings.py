"""Settings that containers are given: known to the programs, and within Redis's memory."""

import base64
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

import manifest
from render import CHART, Question

# Longest time that Redis may take to start, in seconds.
REDIS_SECONDS = 20


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
    """Redis's users have the rights of docs/operations.md, which a test of crates/stream proves enough, and no more."""
    text = (CHART.parent / "docs" / "operations.md").read_text()
    proved = {line.split()[1]: set(line.split()[4:]) for line in text.splitlines() if line.startswith("user tally_")}
    secrets = {each["metadata"]["name"]: each for each in manifest.of_kind(helm.must_render([Question()])[0].objects, "Secret")}
    lines = base64.b64decode(secrets["tally-redis"]["data"]["users.acl"]).decode().splitlines()
    users = {line.split()[1]: set(line.split()[4:]) for line in lines}
    for user in ("tally_api", "tally_consumer"):
        if users[user] != proved.get(user, set()):
            yield f"{user} differs in {sorted(users[user] ^ proved.get(user, set()))}"
    writes = {"+xadd", "+hset", "+xtrim", "+evalsha", "+@all"}
    if users["tally_metrics"] & writes:
        yield "tally_metrics may write"


def redis_takes_it(helm):
    """Redis itself, in the version that is installed here, takes the configuration and the users."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if not program:
        yield "redis-server is not installed: make prerequisites"
        return
    objects = helm.must_render([Question()])[0].objects
    config = next(each for each in manifest.of_kind(objects, "ConfigMap") if "redis.conf" in each["data"])["data"]["redis.conf"]
    secret = next(each for each in manifest.of_kind(objects, "Secret") if "users.acl" in each["data"])
    with tempfile.TemporaryDirectory() as where:
        (pathlib.Path(where) / "users.acl").write_bytes(base64.b64decode(secret["data"]["users.acl"]))
        config = config.replace("/etc/redis-users", where).replace("dir /data", f"dir {where}")
        # No port: nobody connects, and nothing can be in the way.
        (pathlib.Path(where) / "redis.conf").write_text(f"{config}\nport 0\nunixsocket {where}/redis.sock\n")
        server = subprocess.Popen([program, f"{where}/redis.conf"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        timer = threading.Timer(REDIS_SECONDS, server.kill)
        timer.start()
        said = []
        for line in server.stdout:
            said.append(line.strip())
            if "eady to accept connections" in line:
                break
        timer.cancel()
        server.kill()
        server.wait()
        if "eady to accept connections" not in said[-1]:
            yield f"Redis does not start: {said[-1]}"


def authorities(helm):
    """A private authority is mounted for, and named to, every program that is given the URL of a server with TLS, and no other."""
    own = {"externalTls": {"caSecret": "own-ca", "caKey": "own.pem"}, "backup": {"enabled": True}, "restore": {"enabled": True, "force": True}}
    plain = {**own, "externalRedis": {"tls": False}}
    asked = {"both": Question(["values-prod.yaml"], own), "postgres": Question(["values-prod.yaml"], plain), "bundled": Question(values=own)}
    expected = {"both": {"REDIS", "DATABASE"}, "postgres": {"DATABASE"}, "bundled": set()}
    programs = set()
    for (label, encrypted), answer in zip(expected.items(), helm.must_render(asked.values())):
        for owner, pod in manifest.pods(answer.objects):
            volumes = {each["name"]: each.get("secret", {}) for each in pod["spec"].get("volumes", [])}
            for container in manifest.containers(pod):
                env = {each["name"]: each.get("value") for each in container.get("env", [])}
                given = {store for store in ("REDIS", "DATABASE") if f"TALLY_{store}_CA_FILE" in env}
                wanted = {store for store in encrypted if f"TALLY_{store}_URL" in env}
                where = f"{label}: {manifest.name(owner)}, container {container['name']}"
                if given != wanted:
                    yield f"{where} is given authorities for {sorted(given)} and speaks TLS to {sorted(wanted)}"
                mounts = {each["mountPath"]: volumes.get(each["name"], {}) for each in container.get("volumeMounts", [])}
                secret = mounts.get("/etc/tally/ca", {})
                mounted = secret.get("secretName") == "own-ca" and {"key": "own.pem", "path": "ca.crt"} in secret.get("items", [])
                if any(env[f"TALLY_{store}_CA_FILE"] != "/etc/tally/ca/ca.crt" for store in given) or (given and not mounted):
                    yield f"{where} is given a file of authorities that is not mounted"
                programs |= {tuple(container["command"][:2]) for _ in given if "command" in container}
    missing = {("tally-consumer", each) for each in ("run", "migrate", "wait", "backup", "restore")} - programs
    if missing or not any(each[0] == "tally-api" for each in programs):
        yield f"not looked at: {sorted(missing)}; only {sorted(programs)}"


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
