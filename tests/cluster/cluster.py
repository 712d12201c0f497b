"""A Kubernetes cluster as the tests use it: kubectl and helm, each call with a deadline, and what they leave behind."""

import json
import os
import shlex
import subprocess
import threading
import time

CALL_SECONDS = 60
WAIT_SECONDS = 300
POLL_SECONDS = 1.0
BEAT_SECONDS = 10
COMPONENT = "app.kubernetes.io/component"
# What a chart may render and an upgrade may touch, in namespaces that the chart owns.
KINDS = (
    "deployments,statefulsets,cronjobs,jobs,services,secrets,configmaps,serviceaccounts,persistentvolumeclaims,"
    "networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"
)


class Failure(Exception):
    """A check that did not hold, or a command that failed: one sentence, then what was seen."""


def require(holds, sentence):
    if not holds:
        raise Failure(sentence)


def run(command, seconds=CALL_SECONDS, stdin=None, check=True):
    """Standard output of a command (list of strings); Failure with the end of what it said when it fails or takes too long."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"{shlex.join(command)} took more than {seconds} s") from None
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise Failure(f"{shlex.join(command)} ended with {done.returncode}: {said}")
    return done.stdout


def eventually(what, probe, seconds=WAIT_SECONDS):
    """The first true answer of `probe`; Failure naming `what` when there is none within the time."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(POLL_SECONDS)


class Cluster:
    """kubectl, with the caller's KUBECONFIG; `namespaces` are the ones that the tests own."""

    def __init__(self, release):
        self.release = release
        self.home = release
        self.namespaces = [f"{release}-{of}" for of in ("data", "api", "consumer")]

    def kubectl(self, *arguments, **options):
        return run([os.environ.get("KUBECTL", "kubectl"), *arguments], **options)

    def read(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def server(self):
        return json.loads(self.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]

    def simulated(self):
        """Whether no node runs containers (kwok): pods are ready at once, whatever their image."""
        nodes = self.read("nodes")["items"]
        return all("kwok.x-k8s.io/node" in node["metadata"].get("annotations", {}) for node in nodes)

    def beat(self):
        """Keeps simulated nodes alive: they report less often than the control plane may have patience, and their pods, once
        marked as not ready, stay so."""
        names = [node["metadata"]["name"] for node in self.read("nodes")["items"]]
        threading.Thread(target=self.renew_leases, args=(names,), daemon=True).start()

    def renew_leases(self, names):
        while True:
            now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
            leases = [
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": "kube-node-lease"},
                 "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}}
                for name in names
            ]
            try:
                self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": leases}))
            except Failure:
                pass  # the next beat comes soon enough
            time.sleep(BEAT_SECONDS)

    def own(self):
        """Makes the release's namespace, marked as the tests'; refuses what somebody else made under these names."""
        found = self.kubectl("get", "namespace", self.home, *self.namespaces, "--ignore-not-found", "-o", "name").split()
        if found:
            home = self.kubectl("get", "namespace", self.home, "--ignore-not-found", "-o", "jsonpath={.metadata.labels.tally-test}")
            require(home == "true", f"there are {found} that these tests did not make: choose another RELEASE")
            self.wipe()
        self.kubectl("create", "namespace", self.home)
        self.kubectl("label", "namespace", self.home, "tally-test=true")

    def wipe(self):
        """Deletes the namespaces and all that is in them; the release's own goes last, for it carries the mark."""
        for names in (self.namespaces, [self.home]):
            self.kubectl("delete", "namespace", *names, "--ignore-not-found", "--timeout=180s", seconds=200)

    def objects(self):
        """{(kind, namespace, name): object} of all that the chart may have made."""
        found = {}
        for namespace in self.namespaces:
            for item in self.read(KINDS, "-n", namespace)["items"]:
                name = item["metadata"]["name"]
                if name not in ("kube-root-ca.crt", "default"):
                    found[item["kind"], namespace, name] = item
        return found

    def pods(self):
        """{component: set of uids} of pods that are not on their way out."""
        found = {}
        for namespace in self.namespaces:
            for pod in self.read("pods", "-n", namespace)["items"]:
                meta = pod["metadata"]
                if "deletionTimestamp" not in meta:
                    found.setdefault(meta["labels"].get(COMPONENT, "?"), set()).add(meta["uid"])
        return found

    def settle(self):
        """Waits until nothing changes any more, and gives versions and pods as they are then."""
        last = None
        for _ in range(WAIT_SECONDS):
            now = (versions(self.objects()), self.pods())
            if now == last and self.rolled_out():
                return now
            last = now
            time.sleep(2 * POLL_SECONDS)
        raise Failure(f"objects still change after {WAIT_SECONDS} s")

    def rolled_out(self):
        return all(finished(item) for (kind, _, _), item in self.objects().items() if kind in ("Deployment", "StatefulSet", "Job"))


def finished(item):
    status, spec = item.get("status", {}), item["spec"]
    if item["kind"] == "Job":
        return not status.get("active")
    wanted = spec.get("replicas", 1)
    return (
        status.get("observedGeneration") == item["metadata"]["generation"]
        and all(status.get(field, 0) == wanted for field in ("replicas", "readyReplicas", "updatedReplicas"))
    )


def versions(objects):
    return {key: (item["metadata"]["uid"], item["metadata"]["resourceVersion"]) for key, item in objects.items()}


class Helm:
    """One helm binary and the release under test."""

    def __init__(self, binary, cluster, chart, values):
        self.binary = binary
        self.cluster = cluster
        self.chart = chart
        self.values = values
        self.version = run([binary, "version", "--short"]).strip()
        self.rolls_back = "--atomic" if self.version.startswith("v3.") else "--rollback-on-failure"

    def call(self, *arguments, seconds=WAIT_SECONDS, **options):
        return run([self.binary, *arguments, "-n", self.cluster.home], seconds=seconds + 60, **options)

    def apply(self, verb, settings, *flags, seconds=WAIT_SECONDS):
        """install or upgrade with `settings` ({value path: value}); waits until what it made is ready."""
        pairs = [word for path, value in settings.items() for word in ("--set", f"{path}={value}")]
        files = [word for file in self.values for word in ("-f", file)]
        return self.call(verb, self.cluster.release, self.chart, *files, *pairs, "--wait", f"--timeout={seconds}s", *flags, seconds=seconds)

    def install(self, settings):
        return self.apply("install", settings)

    def upgrade(self, settings, *flags, **options):
        return self.apply("upgrade", settings, *flags, **options)

    def refused(self, settings, *flags, seconds):
        """An upgrade that has to fail; what helm said about it."""
        try:
            self.upgrade(settings, *flags, seconds=seconds)
        except Failure as failure:
            return str(failure)
        raise Failure(f"an upgrade went through that had to fail: {settings}")

    def rollback(self, revision):
        return self.call("rollback", self.cluster.release, str(revision), "--wait", f"--timeout={WAIT_SECONDS}s")

    def uninstall(self):
        return self.call("uninstall", self.cluster.release, "--wait", f"--timeout={WAIT_SECONDS}s")

    def history(self):
        return json.loads(self.call("history", self.cluster.release, "-o", "json"))

    def revision(self):
        """The revision that is deployed."""
        deployed = [entry["revision"] for entry in self.history() if entry["status"] == "deployed"]
        require(len(deployed) == 1, f"one revision is deployed, not {deployed}")
        return deployed[0]
