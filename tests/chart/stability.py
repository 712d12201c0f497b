"""What changes when a value changes, and what must not."""

import base64
import pathlib
import re
import shutil

import manifest
from render import CHART, Question

FULL = ["ci/full-values.yaml"]
# One changed value each, and the components whose pods it may restart. Whatever else restarts is restarted for nothing.
OWNERS = [
    ({"api": {"deadlineMs": 5000}}, {"api"}),
    ({"api": {"rolloutToken": "2"}}, {"api"}),
    ({"api": {"image": {"tag": "9.9.9"}}}, {"api", "test", "reports"}),
    ({"api": {"service": {"annotations": {"a": "b"}}}}, set()),
    ({"consumer": {"flushMs": 100}}, {"consumer"}),
    # Whose schema to wait for is a matter of the consumer's image.
    ({"consumer": {"image": {"tag": "9.9.9"}}}, {"api", "consumer", "migrate", "backup", "claims"}),
    ({"redis": {"config": {"timeout": 0}}}, {"redis"}),
    ({"redis": {"rolloutToken": "2"}}, {"redis"}),
    ({"postgres": {"config": {"work_mem": "8MB"}}}, {"postgres"}),
    ({"secrets": {"passwords": {"postgres": {"grafana": "changed-password"}}}}, set()),
    ({"secrets": {"passwords": {"redis": {"api": "changed-password"}}}}, {"api", "redis"}),
    ({"backup": {"schedule": "0 3 * * *"}}, set()),
    ({"reports": {"keepDays": 30}}, {"api"}),
    ({"reports": {"schedule": "0 6 * * *"}}, set()),
    ({"ingress": {"annotations": {"a": "b"}}}, set()),
    ({"networkPolicy": {"metricsFrom": []}}, set()),
    ({"metrics": {"prometheusRule": {"enabled": False}}}, set()),
    ({"stream": {"retentionSeconds": 3600}}, {"consumer"}),
    # The log's limits derive from Redis's memory.
    ({"redis": {"resources": {"limits": {"memory": "512Mi"}}}}, {"redis", "api", "consumer"}),
]


def pod_specs(objects):
    """Components with their pod templates and, for Jobs, names."""
    specs = {}
    for owner, pod in manifest.pods(objects):
        name = owner["metadata"]["name"] if owner["kind"] == "Job" else ""
        specs.setdefault(manifest.component(pod), []).append((owner["kind"], name, pod))
    return specs


def restarts(helm):
    """Each change restarts its owner's pods and no others."""
    base, *changed = helm.render_all([Question(FULL)] + [Question(FULL, values) for values, _ in OWNERS])
    before = pod_specs(base.objects)
    for (values, expected), answer in zip(OWNERS, changed):
        if answer.error:
            yield f"{values}: {answer.error.strip()}"
            continue
        after = pod_specs(answer.objects)
        moved = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
        if moved != expected:
            yield f"{values} restarts {sorted(moved)} in place of {sorted(expected)}"


def repeats(helm):
    """With gitops, two renders are the same bytes; without, only generated passwords differ."""
    sets = [FULL, ["ci/external-values.yaml"], ["values-prod.yaml"]]
    answers = helm.must_render([Question(files) for files in sets for _ in range(2)])
    for files, first, second in zip(sets, answers[::2], answers[1::2]):
        if not first.text or first.text != second.text:
            yield f"{files} renders differently the second time"
    first, second = helm.must_render([Question(), Question()])
    apart = [a for a, b in zip(first.objects, second.objects) if a != b]
    strays = [manifest.name(each) for each in apart if each["kind"] != "Secret"]
    if strays:
        yield f"without gitops, {strays} change from render to render, and every upgrade would restart pods"
    if not apart:
        yield "the default values generate no password"


def releases(helm):
    """A new version of the chart alone, or another revision, restarts nothing and renames no Job."""
    copy = pathlib.Path(helm.scratch) / "next" / "tally"
    shutil.copytree(CHART, copy)
    text = (copy / "Chart.yaml").read_text()
    (copy / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*$", "version: 99.0.0", text))
    base, bumped, upgrade = helm.must_render([Question(FULL), Question(FULL, chart=copy), Question(FULL, arguments=["--is-upgrade"])])
    for label, answer in (("a new chart version", bumped), ("an upgrade", upgrade)):
        if pod_specs(answer.objects) != pod_specs(base.objects):
            yield f"{label} alone changes pods or Jobs"
    claims = [each["spec"].get("volumeClaimTemplates") for each in manifest.of_kind(base.objects, "StatefulSet")]
    if claims != [each["spec"].get("volumeClaimTemplates") for each in manifest.of_kind(bumped.objects, "StatefulSet")]:
        yield "a new chart version changes a claim template, which the cluster refuses"


def passwords(helm):
    """One render holds one password for each user, in the store's Secret and in every URL."""
    objects = helm.render(Question()).objects
    secrets = {each["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in each["data"].items()} for each in manifest.of_kind(objects, "Secret")}
    for name, user in (("api", "api"), ("consumer", "consumer"), ("migrate", "owner")):
        password = secrets["tally-postgres"][f"{user}-password"]
        if f"postgres://tally_{user}:{password}@" not in secrets[f"tally-{name}"]["database-url"]:
            yield f"Secret tally-{name} does not hold PostgreSQL's password of {user}"
        redis_user = "api" if name == "api" else "consumer"
        password = secrets["tally-redis"][f"{redis_user}-password"]
        if f"redis://tally_{redis_user}:{password}@" not in secrets[f"tally-{name}"]["redis-url"]:
            yield f"Secret tally-{name} does not hold Redis's password of {redis_user}"
    made = [value for key in ("tally-redis", "tally-postgres") for name, value in secrets[key].items() if name.endswith("-password")]
    if len(set(made)) != len(made) or not all(re.fullmatch(r"[A-Za-z0-9]{32}", each) for each in made):
        yield "generated passwords repeat, or hold characters that a URL would need to quote"
