"""Helm, asked for manifests: each distinct question once, several at a time."""

import os
import pathlib
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import yaml



class LOADER(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML, in which a name that stands twice in a map is an error: of two, one would be lost without a word."""

    def construct_mapping(self, node, deep=False):
        """Makes a map of a node."""
        names = [self.construct_object(key) for key, _ in node.value]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{sorted(twice)} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


CHART = pathlib.Path(__file__).resolve().parents[2] / "helm"
RELEASE = "tally"
# The release lives in a namespace of its own.
RELEASE_NAMESPACE = "tally-release"
KUBERNETES = "1.34"
# Longest time that one call of Helm may take, in seconds.
HELM_SECONDS = 60


@dataclass
class Question:
    """What to render: files of the chart, values laid over them, and how the release is called."""

    files: list = field(default_factory=list)
    values: dict = field(default_factory=dict)
    release: str = RELEASE
    namespace: str = RELEASE_NAMESPACE
    chart: pathlib.Path = CHART
    arguments: list = field(default_factory=list)


@dataclass
class Answer:
    """What Helm said: manifests, or what it refused them with."""

    text: str
    error: str
    objects: list


class Helm:
    """The program, by its path."""

    def __init__(self, program):
        self.program = program
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="chart-check-"))
        # Nothing of the user's: no plugins, no repositories, no cluster.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.scratch), "KUBECONFIG": "/dev/null"}

    def run(self, *arguments):
        """Runs one command; its exit code and output."""
        return subprocess.run(
            [self.program, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=HELM_SECONDS
        )

    def render(self, question):
        """Renders one set of values."""
        arguments = ["template", question.release, question.chart, "--namespace", question.namespace, "--kube-version", KUBERNETES]
        for name in question.files:
            arguments += ["--values", question.chart / name]
        if question.values:
            with tempfile.NamedTemporaryFile("w", dir=self.scratch, suffix=".yaml", delete=False) as file:
                yaml.safe_dump(question.values, file)
            arguments += ["--values", file.name]
        done = self.run(*arguments, *question.arguments)
        if done.returncode != 0:
            return Answer("", done.stderr, [])
        try:
            return Answer(done.stdout, "", [each for each in yaml.load_all(done.stdout, LOADER) if each])
        except yaml.YAMLError as error:
            return Answer("", f"what Helm rendered is no YAML: {error}", [])

    def must_render(self, questions):
        """Renders many that must succeed."""
        answers = self.render_all(questions)
        for question, answer in zip(questions, answers):
            if answer.error:
                raise SystemExit(f"{question.files} {question.values}: {answer.error.strip()}")
        return answers

    def render_all(self, questions):
        """Renders many, in the same order."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self.render, questions))


def merged(base, over):
    """Values laid over values, as Helm does it: maps merge, everything else is replaced."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
