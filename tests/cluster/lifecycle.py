#!/usr/bin/env python3
"""The chart's life on a real API server, once with each Helm in HELM ("helm3 helm4"): who changes, who restarts, what stays.

It needs kubectl, helm and a KUBECONFIG; pods may be simulated (kwok). On real nodes the images of NEXT_TAG must be there as well.
It makes, and deletes, the namespaces RELEASE, RELEASE-data, RELEASE-api and RELEASE-consumer.
"""

import os
import sys
import time

from cluster import Cluster, Failure, Helm, eventually, require, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NEXT_TAG = os.environ.get("NEXT_TAG", "next")
# How long an upgrade that cannot succeed is waited for.
FAILS_WITHIN_SECONDS = 30
# Each setting, and the components whose pods may restart (or whose Job may run) for it.
OWNERS = [
    ({"consumer.flushMs": 150}, {"consumer"}),
    ({"api.graceSeconds": 19}, {"api"}),
    ({"redis.config.timeout": 0}, {"redis"}),
    ({"postgres.config.work_mem": "8MB"}, {"postgres"}),
    ({"migrate.waitSeconds": 90}, {"migrate"}),
    ({"backup.schedule": "1 1 * * *"}, set()),
    ({"api.service.annotations.note": "new"}, set()),
    ({"logging.filter": "debug"}, {"api", "consumer", "migrate"}),
]


class Life:
    """The steps, in their order; each leaves a release that serves."""

    def __init__(self, cluster, helm, others):
        self.cluster, self.helm, self.others = cluster, helm, others
        self.settings = {"api.service.nodePort": "null"}
        self.replicas = {"api": 2}

    def steps(self):
        return [
            ("install", self.install),
            ("an upgrade without a change changes no object and restarts no pod", self.no_change),
            *[(f"so does one by {helm.version.split('+')[0]}", self.no_change_by(helm)) for helm in self.others],
            *[(f"{next(iter(setting))} restarts {sorted(owners) or 'nobody'}", self.change(setting, owners)) for setting, owners in OWNERS],
            ("a new image of the API restarts the API", self.change({"api.image.tag": NEXT_TAG}, {"api"})),
            ("a new image of the consumer restarts it, its waiting containers and the migration", self.consumer_image),
            ("rollback brings the objects of that revision back, and touches no claim and no password", self.rollback),
            ("an upgrade that cannot become ready is rolled back", self.failed_upgrade),
            ("a failed migration is rolled back", self.failed_migration),
            ("the upgrade after it goes through", self.recovers),
            ("autoscaled replicas survive an upgrade", self.autoscaled),
            ("uninstall keeps namespaces, claims and credentials, and nothing that runs", self.uninstall),
            ("reinstall finds data and passwords again", self.reinstall),
            ("another release name over the kept namespaces is refused", self.other_name),
        ]

    def install(self):
        self.helm.install(self.settings)
        self.cluster.settle()

    def no_change(self, helm=None):
        before, pods = self.cluster.settle()
        (helm or self.helm).upgrade(self.settings)
        after, pods_after = self.cluster.settle()
        differ = sorted(str(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        require(not differ, f"changed: {differ}")
        require(pods == pods_after, f"pods: {restarted(pods, pods_after)}")

    def no_change_by(self, helm):
        return lambda: self.no_change(helm)

    def change(self, setting, owners):
        def step():
            _, before = self.cluster.settle()
            self.settings.update(setting)
            self.helm.upgrade(self.settings)
            _, after = self.cluster.settle()
            require(restarted(before, after) == owners, f"restarted: {sorted(restarted(before, after))}")

        return step

    def consumer_image(self):
        self.before_rollback = self.helm.revision()
        self.specs = specs(self.cluster)
        self.kept = kept(self.cluster)
        # The API's init container and the Jobs run the consumer's image too.
        self.change({"consumer.image.tag": NEXT_TAG}, {"api", "consumer", "migrate", "claims"})()

    def rollback(self):
        self.helm.rollback(self.before_rollback)
        self.cluster.settle()
        del self.settings["consumer.image.tag"]
        now = specs(self.cluster)
        differ = sorted(str(key) for key in now.keys() | self.specs.keys() if now.get(key) != self.specs.get(key))
        require(not differ, f"not as before: {differ}")
        require(kept(self.cluster) == self.kept, "claims or passwords are others")

    def failed_upgrade(self):
        self.fails({"api.nodeSelector.tally-test": "nowhere", "consumer.nodeSelector.tally-test": "nowhere"}, {"api", "consumer"})

    def failed_migration(self):
        broken = {"migrate.nodeSelector.tally-test": "nowhere", "migrate.timeoutSeconds": 5}
        self.fails(broken, set(), "--wait-for-jobs")

    def fails(self, broken, rolled, *flags):
        """`rolled` may get new pods while it is tried; those that served must be there all the time."""
        _, before = self.cluster.settle()
        was = specs(self.cluster)
        self.helm.refused({**self.settings, **broken}, self.helm.rolls_back, *flags, seconds=FAILS_WITHIN_SECONDS)
        _, after = self.cluster.settle()
        require(self.helm.history()[-1]["status"] == "deployed", f"history ends with {self.helm.history()[-1]}")
        lost = {name for name in ("api", "consumer", "redis", "postgres") if before[name] - after.get(name, set())}
        require(not lost, f"pods that served are gone: {sorted(lost)}")
        require(without_jobs(specs(self.cluster)) == without_jobs(was), "objects are not as before")

    def recovers(self):
        self.helm.upgrade(self.settings)
        self.cluster.settle()

    def autoscaled(self):
        api = self.cluster.namespaces[1]
        self.settings.update({"api.autoscaling.enabled": "true", "api.autoscaling.maxReplicas": 5})
        self.helm.upgrade(self.settings)
        self.cluster.kubectl("scale", "-n", api, f"deployment/{self.cluster.release}-api", "--replicas=4")
        self.cluster.settle()
        self.helm.upgrade({**self.settings, "commonLabels.note": "two"})
        self.cluster.settle()
        now = self.cluster.read("deployment", "-n", api, f"{self.cluster.release}-api")["spec"]["replicas"]
        require(now == 4, f"the upgrade scaled 4 pods to {now}")

    def uninstall(self):
        self.kept = kept(self.cluster)
        self.namespaces = self.uids()
        self.helm.uninstall()
        eventually("no workload is left", lambda: not [key for key in self.cluster.objects() if key[0] in WORKLOADS], 60)
        require(kept(self.cluster) == self.kept, "claims or credentials of the stores are not what they were")
        require(self.uids() == self.namespaces, "a namespace was deleted")

    def reinstall(self):
        self.settings = {"api.service.nodePort": "null"}
        self.helm.install(self.settings)
        self.cluster.settle()
        require(kept(self.cluster) == self.kept, "claims or passwords are others")
        require(self.uids() == self.namespaces, "a namespace was made anew")

    def other_name(self):
        self.helm.uninstall()
        names = [word for of in ("data", "api", "consumer") for word in ("--set", f"namespaces.{of}.name={self.cluster.release}-{of}")]
        command = [self.helm.binary, "install", "tally-other", self.helm.chart, "-n", self.cluster.home, *names]
        try:
            run(command)
        except Failure as failure:
            require("exist" in str(failure) or "owned" in str(failure) or "ownership" in str(failure), f"refused, but for: {failure}")
        else:
            raise Failure("it was installed")

    def uids(self):
        return {name: self.cluster.read("namespace", name)["metadata"]["uid"] for name in self.cluster.namespaces}


WORKLOADS = ("Deployment", "StatefulSet", "CronJob", "Job")


def restarted(before, after):
    """Components with a pod that was not there before. Jobs of the past that went are no restart."""
    return {name for name, uids in after.items() if uids - before.get(name, set())}


def specs(cluster):
    """What each object says, without what the server adds; Secrets and ConfigMaps by their data."""
    return {key: item.get("spec") or item.get("data") for key, item in cluster.objects().items() if key[0] != "Job"} | {
        key: "job" for key in cluster.objects() if key[0] == "Job" and "-migrate-" in key[2]
    }


def without_jobs(found):
    return {key: value for key, value in found.items() if key[0] != "Job"}


def kept(cluster):
    """Claims by uid and volume, and what the stores' Secrets hold."""
    objects = cluster.objects()
    claims = {key: (item["metadata"]["uid"], item["spec"].get("volumeName")) for key, item in objects.items() if key[0] == "PersistentVolumeClaim"}
    data = cluster.namespaces[0]
    stores = {name: objects["Secret", data, f"{cluster.release}-{name}"]["data"] for name in ("redis", "postgres")}
    require(len(claims) >= 2, f"claims: {sorted(claims)}")
    return claims, stores


def live(cluster, helm, others):
    """Failures of one whole life."""
    failed = 0
    cluster.own()
    for name, step in Life(cluster, helm, others).steps():
        began = time.monotonic()
        try:
            step()
            outcome = "ok  "
        except Failure as failure:
            failed += 1
            outcome = "FAIL"
            print(f"      {failure}")
        print(f"{outcome}  {helm.version.split('+')[0]:8}  {name}  ({time.monotonic() - began:.0f} s)", flush=True)
        if failed and name == "install":
            break
    return failed


def main():
    cluster = Cluster(os.environ.get("RELEASE", "tally-lifecycle"))
    chart = os.path.join(ROOT, "helm")
    values = [os.path.join(chart, "values-dev.yaml")]
    helms = [Helm(binary, cluster, chart, values) for binary in os.environ.get("HELM", "helm").split()]
    simulated = cluster.simulated()
    if simulated:
        cluster.beat()
    print(f"Kubernetes {cluster.server()}, {'simulated' if simulated else 'real'} nodes", flush=True)
    failed = sum(live(cluster, helm, [other for other in helms if other is not helm]) for helm in helms)
    cluster.wipe()
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
