"""The schema of the values: it knows every value, and refuses every other."""

import json

import jsonschema
import yaml

import kubernetes_validate
from manifest import name
from render import CHART, LOADER, Question, merged

MIGRATIONS = CHART.parent / "crates" / "store" / "migrations"
# The floor that Chart.yaml names, the version that the cluster tests run on, and the newest.
VERSIONS = ["1.30", "1.34", "1.37"]
# Types that Kubernetes itself does not have; whoever installs them validates them.
FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication", "HTTPRoute", "Certificate"}
# Maps whose keys are the user's.
FREE = {"labels", "annotations", "eventsAnnotations", "podAnnotations", "commonLabels", "nodeSelector", "affinity", "config", "requests",
        "limits", "ruleLabels", "global"}


def of_kubernetes(label, objects):
    """Every object fits the strict schema of each version: no unknown field, no wrong type."""
    for each in objects:
        if each["kind"] in FOREIGN:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{label}: {name(each)} is not valid on Kubernetes {version}: {error.message} at {list(error.path)}"
            except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.VersionNotSupportedError) as error:
                yield f"{label}: {name(each)}: {error}"


def of_values():
    """Each value of values.yaml is declared; in each map of it a key that is not declared is refused."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    values = yaml.load((CHART / "values.yaml").read_text(), LOADER)
    for error in validator.iter_errors(values):
        yield f"values.yaml does not fit its own schema: {error.message} at {list(error.path)}"
    for path in maps(values):
        if path and (path[-1] in FREE and path != ("ingress", "limits")):
            continue
        if validator.is_valid(merged(values, nested(path, {"surelyUnknown": 1}))):
            yield f"a misspelt name under {'.'.join(path) or 'the top'} is accepted"
    for path in maps(values):
        node = declared(schema, schema, path)
        if node is None:
            yield f"{'.'.join(path)} is not declared in the schema"
    if not validator.is_valid(merged(values, {"global": {"of-a-parent-chart": 1}})):
        yield "a parent chart's global values are refused"


def maps(node, path=()):
    """Paths of all maps."""
    if isinstance(node, dict):
        yield path
        for key, value in node.items():
            yield from maps(value, (*path, key))


def nested(path, leaf):
    """A map that holds the leaf at a path."""
    for key in reversed(path):
        leaf = {key: leaf}
    return leaf


def declared(schema, node, path):
    """The part of the schema for a path, or None."""
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for part in node.get("allOf", []):
        found = declared(schema, part, path)
        if found is not None:
            return found
    if not path:
        return node
    inner = node.get("properties", {}).get(path[0], node.get("additionalProperties"))
    if inner is None and node.get("type") == "object" and "properties" not in node:
        return {}
    return declared(schema, inner, path[1:]) if isinstance(inner, dict) else None


def under_a_parent(helm):
    """The chart works as a part of another one."""
    parent = helm.scratch / "parent"
    (parent / "charts").mkdir(parents=True)
    (parent / "charts" / "tally").symlink_to(CHART)
    (parent / "Chart.yaml").write_text("apiVersion: v2\nname: parent\nversion: 1.0.0\n")
    answer = helm.render(Question(chart=parent, values={"global": {"team": "a"}, "tally": {"enabled": True, "gitops": False}}))
    if answer.error:
        yield f"under a parent chart: {answer.error.strip()}"


def of_the_database(_helm):
    """The chart names the schema that its binaries need: the newest migration."""
    newest = max(int(file.name[1:].split("__")[0]) for file in MIGRATIONS.glob("V*.sql"))
    annotations = yaml.load((CHART / "Chart.yaml").read_text(), LOADER)["annotations"]
    for bound in ("min", "max"):
        if annotations[f"tally/schema-{bound}"] != str(newest):
            yield f"Chart.yaml: tally/schema-{bound} is {annotations[f'tally/schema-{bound}']}, the newest migration {newest}"
