"""Checks the chart: renders every set of values and holds each object to the rules. Needs Helm's path; needs no cluster."""

import re
import sys
import time

import manifest
import network
import objects
import pods
import schema
import settings
import stability
import yaml
from render import CHART, LOADER, Helm, Question

HERE = CHART.parent / "tests" / "chart"
# Every set that must render, with the Secrets and claims that its user brings.
SETS = {
    "defaults": ([], set()),
    "dev": (["values-dev.yaml"], set()),
    "prod": (["values-prod.yaml"], {"tally-api", "tally-consumer", "tally-migrate"}),
    "full": (["ci/full-values.yaml"], {"pull"}),
    "minimal": (["ci/minimal-values.yaml"], set()),
    "job": (["ci/job-values.yaml"], set()),
    "cronjob": (["ci/cronjob-values.yaml"], set()),
    "external": (["ci/external-values.yaml"], {"private-ca", "reports"}),
}


def lints(helm):
    """helm lint is content with every set."""
    for label, (files, _) in SETS.items():
        done = helm.run("lint", CHART, "--quiet", "--strict", "--kube-version", "1.34", *[f"--values={CHART / name}" for name in files])
        if done.returncode != 0:
            yield f"{label}: {done.stdout.strip()} {done.stderr.strip()}"


def refusals(helm):
    """What cannot work is refused, with its sentence."""
    cases = yaml.load((HERE / "refusals.yaml").read_text(), LOADER)
    asked = [Question(case.get("files", []), case["values"], namespace=case.get("namespace", "tally-release")) for case in cases]
    for case, answer in zip(cases, helm.render_all(asked)):
        if not answer.error:
            yield f"{case['values']} is accepted"
        elif case["says"] not in answer.error:
            yield f"{case['values']} is refused without {case['says']!r}: {answer.error.strip()}"


def walls(label, rendered):
    """Every pod may ask for names; what must talk may, and what must not may not."""
    net = network.Network(rendered)
    if not net.policies:
        return
    for where in {where for where, _ in net.pods}:
        for direction in ("Ingress", "Egress"):
            if not net.is_default_deny(where, direction):
                yield f"{label}: the namespace {where} does not deny {direction.lower()} by default"
    for where, pod in net.pods:
        if not net.resolves_names(where, pod["metadata"]["labels"]):
            yield f"{label}: the pods of {manifest.component(pod)} cannot resolve names"
    present = {manifest.component(pod) for _, pod in net.pods}
    clients = {"redis": {"api", "consumer", "migrate"}, "postgres": {"api", "consumer", "migrate", "backup"}, "api": {"test", "reports"}}
    for target, port in (("redis", 6379), ("postgres", 5432), ("api", 8080), ("consumer", 8081)):
        for source in sorted(present - {target}) if target in present else []:
            wanted = source in clients.get(target, set())
            if net.reaches(source, target, port) != wanted:
                yield f"{label}: {source} {'cannot reach' if wanted else 'reaches'} {target}:{port}"


def long_names(helm):
    """Names stay legal and apart, however long the release's is."""
    asked = [Question(["ci/full-values.yaml"], release=("long-release-name-" * 3)[:52] + end) for end in "ab"]
    first, second = helm.render_all(asked)
    for answer in (first, second):
        yield from [answer.error] if answer.error else objects.unique_and_placed("a long release name", answer.objects)
    names = [{(manifest.namespace(each), each["metadata"]["name"]) for each in answer.objects} for answer in (first, second)]
    if names[0] & names[1]:
        yield f"two long release names share {sorted(names[0] & names[1])}"


def other_release(helm):
    """Nothing speaks of a release that is called otherwise."""
    answer = helm.must_render([Question(["ci/full-values.yaml"], {"stream": {"shards": 16}}, release="other")])[0]
    for each in answer.objects:
        text = yaml.safe_dump(each)
        for word in re.findall(r"(?<![-\w])tally-[a-z]+\.tally-|namespace=~?\\?.tally-|namespace: tally-", text):
            yield f"release `other`: {manifest.name(each)} speaks of {word}"
    shards = [each for each in manifest.of_kind(answer.objects, "ScaledObject")[0]["spec"]["triggers"]]
    if len(shards) != 16:
        yield f"16 shards have {len(shards)} triggers"


def frozen(helm):
    """Selectors, service names and claim templates are those of the last release."""
    file = HERE / "frozen.yaml"
    facts = objects.frozen(helm.render(Question()).objects)
    if "--freeze" in sys.argv:
        file.write_text("# What never changes within a major version; see helm/UPGRADING.md.\n" + yaml.safe_dump(facts))
    if yaml.load(file.read_text(), LOADER) != facts:
        yield "frozen.yaml differs from the chart: an upgrade of a live release would be refused by the cluster"


def of_a_set(label, rendered, given):
    """All rules for one set."""
    yield from objects.unique_and_placed(label, rendered)
    yield from objects.references(label, rendered, given)
    yield from objects.scaling(label, rendered)
    yield from objects.kept(label, rendered)
    yield from objects.named_by_content(label, rendered)
    yield from objects.claims_are_bound(label, rendered)
    yield from pods.restricted(label, rendered)
    yield from pods.bounded(label, rendered)
    yield from pods.orderly(label, rendered)
    yield from walls(label, rendered)
    yield from settings.known(label, rendered)
    yield from settings.fits_memory(label, rendered)
    yield from schema.of_kubernetes(label, rendered)


def sets(helm):
    """Every set renders, and its objects keep the rules."""
    answers = helm.render_all([Question(files) for files, _ in SETS.values()])
    for (label, (_, given)), answer in zip(SETS.items(), answers):
        yield from [f"{label}: {answer.error.strip()}"] if answer.error else of_a_set(label, answer.objects, given)


def main():
    """Runs every check; one line each, and a sentence for each fault."""
    helm = Helm(sys.argv[1])
    checks = [sets, refusals, lints, schema.under_a_parent, schema.of_the_database, long_names, other_release, frozen, settings.appear_when_asked, settings.authorities, settings.redis_users, settings.redis_takes_it]
    checks += [stability.restarts, stability.repeats, stability.releases, stability.passwords]
    faults = 0
    for check in checks:
        began = time.monotonic()
        found = list(check(helm))
        faults += len(found)
        print(f"{'ok  ' if not found else 'FAIL'} {time.monotonic() - began:5.1f} s  {check.__doc__}")
        for sentence in found:
            print(f"       {sentence}")
    found = list(schema.of_values())
    print(f"{'ok  ' if not found else 'FAIL'}          {schema.of_values.__doc__}", *found, sep="\n       " if found else "")
    sys.exit(1 if faults or found else 0)


if __name__ == "__main__":
    main()
