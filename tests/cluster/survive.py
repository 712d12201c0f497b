#!/usr/bin/env python3
"""Real pods under steady traffic, through what happens to a release in its life; then every accepted event is looked for.

    KUBECONFIG=… LOAD_IMAGE="kind load docker-image" make cluster-test
    KUBECONFIG=… make cluster-test STEPS="upgrade rollback" RATE=40

LOAD_IMAGE   a command that gets each of IMAGES as its last argument and puts it where the nodes find it; empty: they are there
IMAGES       what LOAD_IMAGE gets, names or archives; the images of the chart's version by default
IMAGE_TAG    tag of both images; the chart's appVersion by default
STEPS        which steps, in this order; all of them by default
RATE         requests a second of the steady traffic, of 5 events each (20)
API_URL      the API from outside the pods; by default the NodePort of the first node. This program must reach it.
HELM         the helm binary
RELEASE      name of the release, and of the namespaces that are made and deleted (tally-test)
KEEP         not empty: leave the release there at the end
"""

import json
import os
import sys
import time

import load
from cluster import Cluster, Failure, Helm, eventually, require, run
from events import Events

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NODE_PORT = 30080
# All that was accepted must be counted so long after the traffic has ended.
COUNTED_SECONDS = 180
SETTINGS = {
    "api.replicas": 2,
    "consumer.replicas": 2,
    "api.service.nodePort": NODE_PORT,
    "api.preStopSeconds": 5,
    "api.autoscaling.behavior.scaleDown.stabilizationWindowSeconds": 15,
}


def settings(images):
    if os.environ.get("IMAGE_TAG"):
        return {**images, "api.image.tag": os.environ["IMAGE_TAG"], "consumer.image.tag": os.environ["IMAGE_TAG"]}
    return dict(images)


def load_images():
    command = os.environ.get("LOAD_IMAGE", "").split()
    images = os.environ.get("IMAGES", "tally/api:0.1.0 tally/consumer:0.1.0").split()
    for image in images if command else []:
        run([*command, image], seconds=600)


def api_url(cluster):
    if os.environ.get("API_URL"):
        return os.environ["API_URL"].rstrip("/")
    addresses = cluster.read("nodes")["items"][0]["status"]["addresses"]
    return "http://" + next(at["address"] for at in addresses if at["type"] == "InternalIP") + f":{NODE_PORT}"


def report(step, outcome, seconds):
    """One line a step; the latencies are from the time when a request was due to its definite answer."""
    took = step["latencies"]
    figures = f"p50 {load.quantile_ms(took, 0.5)} ms, p95 {load.quantile_ms(took, 0.95)} ms, longest {load.quantile_ms(took, 1.0)} ms"
    print(f"{outcome}  {step['name']:18} {seconds:5.0f} s  {len(took):6} requests, {figures}; {json.dumps(step['answers'])}", flush=True)


def judge(step, gentle):
    """Nothing but 2xx and announced backpressure; with `gentle` no lost connection either."""
    bad = {name: count for name, count in step["answers"].items() if name not in ("2xx", "reused") and not load.announced(name)}
    if not gentle:
        bad = {name: count for name, count in bad.items() if not name.startswith("transport")}
    require(not bad, f"answers that no client should see: {bad}")
    require(step["latencies"] or step["name"] == "drain", "no request was accepted during this step")


def balance(url, service, ledger):
    """Waits until nothing is in flight, then compares route by route."""
    def settled():
        try:
            books = load.read(url, "/v1/accounting")
        except (OSError, ValueError):
            return None
        return books if books["balanced"] and books["in_flight"] == 0 else None

    books = eventually("everything accepted is counted", settled, COUNTED_SECONDS)
    require(books["dead_lettered"] == 0, f"dead letters: {books['dead_lettered']}")
    ours, theirs = ledger.accepted, load.counted(url, service)
    differ = {route: (ours.get(route, 0), theirs.get(route, 0)) for route in ours.keys() | theirs.keys() if ours.get(route, 0) != theirs.get(route, 0)}
    require(not differ, f"accepted and counted differ, by route: {differ}")
    require(ledger.given_up == 0, f"{ledger.given_up} requests never had a definite answer")
    print(f"counted: {sum(theirs.values())} of {sum(ours.values())} accepted events, on {len(theirs)} routes; 0 lost, 0 doubled", flush=True)


def survive(cluster, helm, chosen):
    """Failures of the whole run."""
    settled = settings(SETTINGS)
    began = time.monotonic()
    helm.install(settled)
    print(f"ok    install            {time.monotonic() - began:5.0f} s", flush=True)
    url, service = api_url(cluster), f"test-{int(time.time())}"
    eventually(f"{url}/ready", lambda: ready(url), 60)
    steady = load.Steady(url, service, float(os.environ.get("RATE", "20")))
    steady.start()
    events = Events(cluster, helm, settled, steady, url, service)
    failed = sum(attempt(steady.ledger, name, *events.named(name)) for name in chosen)
    steady.ledger.begin("drain")
    steady.stop()
    try:
        balance(url, service, steady.ledger)
    except Failure as failure:
        failed += 1
        print(f"FAIL  counted: {failure}", flush=True)
    return failed


def ready(url):
    try:
        return load.read(url, "/v1/accounting") is not None
    except (OSError, ValueError):
        return False


def attempt(ledger, name, step, gentle):
    ledger.begin(name)
    began, outcome = time.monotonic(), "ok  "
    try:
        step()
    except Failure as failure:
        outcome = "FAIL"
        print(f"      {name}: {failure}", flush=True)
    seconds = time.monotonic() - began
    figures = ledger.begin("between")
    try:
        judge(figures, gentle)
    except Failure as failure:
        outcome = "FAIL"
        print(f"      {name}: {failure}", flush=True)
    report(figures, outcome, seconds)
    return outcome == "FAIL"


def main():
    chart = os.path.join(ROOT, "helm")
    cluster = Cluster(os.environ.get("RELEASE") or "tally-test")
    helm = Helm(os.environ.get("HELM") or "helm", cluster, chart, [os.path.join(chart, "values-dev.yaml")])
    require(not cluster.simulated(), "no node of this cluster runs pods: make chart-lifecycle is for such a one")
    chosen = (os.environ.get("STEPS") or " ".join(Events.ORDER)).split()
    unknown = set(chosen) - set(Events.ORDER)
    require(not unknown, f"unknown STEPS {sorted(unknown)}; there are: {' '.join(Events.ORDER)}")
    print(f"Kubernetes {cluster.server()}, Helm {helm.version}, {os.cpu_count()} CPUs", flush=True)
    load_images()
    cluster.own()
    failed = survive(cluster, helm, chosen)
    if not os.environ.get("KEEP"):
        cluster.wipe()
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"error: {failure}")
