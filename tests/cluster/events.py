"""What happens to a release while traffic goes on. Each event ends with a release that serves as before."""

import time

import load
from cluster import Failure, eventually, require

# How long an upgrade that cannot succeed is waited for.
FAILS_WITHIN_SECONDS = 40
# Steady traffic goes on for so long after each event, so that what it broke late is seen in its own step.
AFTER_SECONDS = 5
SHAPE_SECONDS = 30
SCALES_WITHIN_SECONDS = 180
# Requests a second that more API pods are wanted for.
BUSY_RATE = 150
# Makes the next migration fail, and pods that are made wait for it, as a half-written migration of a new version would:
# the record of a migration no longer fits its file, and the schema is older than any program.
BREAK_SCHEMA = "UPDATE refinery_schema_history SET checksum = (checksum::numeric + 1)::text; UPDATE layout SET functions_version = functions_version - 1000;"
MEND_SCHEMA = "UPDATE refinery_schema_history SET checksum = (checksum::numeric - 1)::text; UPDATE layout SET functions_version = functions_version + 1000 WHERE functions_version < 0;"


class Events:
    ORDER = (
        "upgrade", "rollback", "bad-image", "failing-migration", "delete-pods", "kill-pods", "redis-restart", "postgres-restart",
        "redis-kill", "drain-node", "backup", "restore", "autoscaling", "smoke", "load", "stress", "helm-test",
    )
    # Steps during which a connection may be cut: what they kill has no time to say goodbye.
    ROUGH = ("kill-pods",)

    def __init__(self, cluster, helm, settings, steady, url, service):
        self.cluster, self.helm, self.settings, self.steady = cluster, helm, settings, steady
        self.url, self.service = url, service
        self.data, self.api, self.consumer = cluster.namespaces

    def named(self, name):
        """(the step, whether no connection may be lost in it)."""
        step = getattr(self, name.replace("-", "_"))

        def with_rest():
            step()
            time.sleep(AFTER_SECONDS)

        return with_rest, name not in self.ROUGH

    def upgrade(self):
        """Every pod of ours is replaced."""
        before = self.cluster.pods()
        self.settings["logging.format"] = "json"
        self.helm.upgrade(self.settings)
        self.rolled_out()
        after = self.cluster.pods()
        require(not before["api"] & after["api"] and not before["consumer"] & after["consumer"], "pods were not replaced")

    def rollback(self):
        del self.settings["logging.format"]
        before = self.cluster.pods()
        self.helm.rollback(self.helm.revision() - 1)
        self.rolled_out()
        require(not before["api"] & self.cluster.pods()["api"], "pods were not replaced")

    def bad_image(self):
        """Rolled back by Helm; those that served stay."""
        self.fails({"api.image.tag": "does-not-exist", "consumer.image.tag": "does-not-exist"})

    def failing_migration(self):
        self.sql(BREAK_SCHEMA)
        self.fails({"api.graceSeconds": 19, "consumer.flushMs": 150, "migrate.waitSeconds": 60}, mend=lambda: self.sql(MEND_SCHEMA))

    def fails(self, broken, mend=lambda: None):
        before = self.cluster.pods()
        try:
            self.helm.refused({**self.settings, **broken}, self.helm.rolls_back, seconds=FAILS_WITHIN_SECONDS)
            # The Job of the release that is back runs, and fails, until the schema is whole again.
        finally:
            mend()
        self.rolled_out()
        after = self.cluster.pods()
        for name in ("api", "consumer", "redis", "postgres"):
            require(before[name] <= after[name], f"pods of {name} that served are gone")

    def delete_pods(self):
        """Each pod of ours, one after the other, with its time to end."""
        for namespace, component in ((self.api, "api"), (self.consumer, "consumer")):
            for pod in self.names(namespace, component):
                self.cluster.kubectl("delete", "pod", "-n", namespace, pod)
                self.rolled_out()

    def kill_pods(self):
        """All pods of ours at once, without any time."""
        for namespace, component in ((self.consumer, "consumer"), (self.api, "api")):
            self.cluster.kubectl("delete", "pod", "-n", namespace, *self.names(namespace, component), "--force", "--grace-period=0")
        self.rolled_out()

    def redis_restart(self):
        self.restart("redis")

    def postgres_restart(self):
        self.restart("postgres")

    def redis_kill(self):
        self.restart("redis", "--force", "--grace-period=0")

    def restart(self, store, *flags):
        self.cluster.kubectl("delete", "pod", "-n", self.data, f"{self.cluster.release}-{store}-0", *flags, seconds=180)
        self.rolled_out()
        self.counts_again()

    def drain_node(self):
        """Where there are two nodes or more: the one of an API pod is emptied, by eviction."""
        nodes = self.cluster.read("nodes")["items"]
        if len(nodes) < 2:
            return print("      drain-node: one node only, so nothing was drained", flush=True)
        pod = self.cluster.read("pods", "-n", self.api, "-l", "app.kubernetes.io/component=api")["items"][0]
        node = pod["spec"]["nodeName"]
        try:
            self.cluster.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s", seconds=260)
        finally:
            self.cluster.kubectl("uncordon", node)
        self.rolled_out()

    def backup(self):
        job = f"test-{int(time.time())}"
        self.cluster.kubectl("create", "job", "-n", self.data, job, f"--from=cronjob/{self.cluster.release}-backup")
        self.cluster.kubectl("wait", "-n", self.data, f"job/{job}", "--for=condition=complete", "--timeout=120s", seconds=140)

    def restore(self):
        """The newest backup, while the API takes more; what came since is counted again from the log."""
        accepted = self.steady.ledger.events()
        stop = {**self.settings, "consumer.replicas": 0}
        self.helm.upgrade(stop)
        eventually("consumers are gone", lambda: not self.names(self.consumer, "consumer"), 60)
        self.helm.upgrade({**stop, "restore.enabled": "true"}, "--wait-for-jobs")
        self.helm.upgrade(self.settings)
        self.rolled_out()
        self.counts_again()
        require(self.steady.ledger.events() > accepted, "nothing was accepted during the restore")

    def autoscaling(self):
        """Up under load, down after it. Turning it on may scale to one pod for a moment, as UPGRADING.md says."""
        on = {"api.autoscaling.enabled": "true", "api.autoscaling.minReplicas": 2, "api.autoscaling.maxReplicas": 4}
        # The API needs little: a quarter of a millicore for a request a second.
        on["api.autoscaling.targetCPUPercent"] = 20
        rate, self.steady.rate = self.steady.rate, BUSY_RATE
        self.helm.upgrade({**self.settings, **on})
        try:
            eventually("more than 2 API pods", lambda: self.replicas() > 2, SCALES_WITHIN_SECONDS)
        finally:
            self.steady.rate = rate
        eventually("2 API pods again", lambda: self.replicas() == 2, SCALES_WITHIN_SECONDS)
        self.helm.upgrade(self.settings)
        self.rolled_out()

    def replicas(self):
        return self.cluster.read("deployment", "-n", self.api, f"{self.cluster.release}-api")["status"].get("readyReplicas", 0)

    def smoke(self):
        self.shape(5)

    def load(self):
        self.shape(50)

    def stress(self):
        self.shape(200)

    def shape(self, users):
        """So many users beside the steady traffic; their figures are this step's, without the steady ones."""
        ledger = load.Ledger()
        load.shape(self.url, self.service, ledger, users, SHAPE_SECONDS)
        took = ledger.step["latencies"]
        p95 = load.quantile_ms(took, 0.95)
        print(f"      {users} users, {len(took) / SHAPE_SECONDS:.0f} requests/s, p95 {p95} ms; {ledger.step['answers']}", flush=True)
        self.adopt(ledger)
        require(set(ledger.step["answers"]) <= {"2xx", "reused"}, "errors")

    def adopt(self, ledger):
        """Their events are looked for with the others at the end."""
        with self.steady.ledger.lock:
            for route, events in ledger.accepted.items():
                self.steady.ledger.accepted[route] = self.steady.ledger.accepted.get(route, 0) + events
            self.steady.ledger.given_up += ledger.given_up

    def helm_test(self):
        self.helm.call("test", self.cluster.release, "--timeout=180s")

    def names(self, namespace, component):
        """Pods that are not on their way out."""
        pods = self.cluster.read("pods", "-n", namespace, "-l", f"app.kubernetes.io/component={component}")["items"]
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def rolled_out(self):
        eventually("every pod is as wanted", self.cluster.rolled_out)

    def counts_again(self):
        """What is accepted from now on is counted: the consumers are back."""
        def caught_up():
            try:
                books = load.read(self.url, "/v1/accounting")
            except (OSError, ValueError):
                return False
            return books["counted"] > start

        start = eventually("the API reads its books", self.counted, 120)
        eventually("counting goes on", caught_up, 120)

    def counted(self):
        try:
            return load.read(self.url, "/v1/accounting")["counted"]
        except (OSError, ValueError):
            return None

    def sql(self, text):
        pod = f"{self.cluster.release}-postgres-0"
        self.cluster.kubectl(
            "exec", "-n", self.data, "-i", pod, "--", "psql", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", "tally",
            stdin=text,
        )
