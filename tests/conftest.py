"""A pipeline whose every part is real but for the model, which says what a test tells it to."""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
from hypothesis import settings as hypothesis_settings
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Request
from medie_fhir.adapters.lora import Registry, digest_of, load_registry
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

# In CI the same examples every time: what lands must not hang on luck. At home new ones are tried at every run.
# No law is about time: an example may take as long as the machine takes.
hypothesis_settings.register_profile("home", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "home")

sys.path.append(str(Path(__file__).parent / "twins"))  # importlib's mode finds no neighbours
VllmTwin = importlib.import_module("vllm_twin").VllmTwin

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")


class ScriptedModel:
    """A ModelServer that answers a text by what stands in it: the twin of a server, with a model of our making."""

    def __init__(self) -> None:
        self.script: dict[str, Mapping[str, str]] = {}
        self.answer: str | None = None
        self.asked = 0

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked += 1
        text = request.messages[-1]["content"]
        said = next((values for mark, values in self.script.items() if mark in text), {})
        answer = self.answer or json.dumps({field: said.get(field) for field in FIELDS})
        return ModelAnswer(answer, "stop", prompt_tokens=10, completion_tokens=5)

    async def describe(self) -> ModelDescription:
        return ModelDescription("scripted", "medical-ie", "d1g35t", "twin 1")


class StepClock:
    """A clock that moves on by an hour each time it is looked at: nothing may hang on it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(hours=1)
        return self.moment


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture(scope="session")
def configuration() -> Configuration:
    return Configuration(Settings())


@pytest.fixture
async def twin() -> FhirTwin:
    """A FHIR twin that holds the patient p1."""
    twin = FhirTwin()
    patient = {"resourceType": "Patient", "id": "p1"}
    request = {"method": "PUT", "url": "Patient/p1"}
    await twin.transact(
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": patient, "request": request}]}
    )
    return twin


@pytest.fixture
def pipeline(configuration: Configuration, model: ScriptedModel, twin: FhirTwin) -> Pipeline:
    """With the scripted model as its one reader, so that a test says what is read."""
    made = assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=twin)
    made.clock = StepClock()
    return made


@pytest.fixture
def event() -> Callable[..., bytes]:
    """A DocumentReference as a Kafka record's value."""

    def make(text: str, id_: str = "d1", version: str | None = "1", **more: Any) -> bytes:
        resource: Json = {
            "resourceType": "DocumentReference",
            "id": id_,
            "status": "current",
            "subject": {"reference": "Patient/p1"},
            "date": "2026-01-01T09:00:00Z",
            "content": [
                {"attachment": {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}}
            ],
        }
        if version:
            resource["meta"] = {"versionId": version, "lastUpdated": f"2026-01-0{version}T09:00:00Z"}
        return json.dumps({k: v for k, v in (resource | more).items() if v is not None}).encode()

    return make


class Terminology:
    """A terminology server's operations over HTTP, in front of a twin. It notes what it was asked.

    ``words``: to what a word is translated, as (system, code, display, equivalence); ``codes``: the displays of valid
    codes. ``away``: all is answered by this, until it was asked ``back_after`` times whether it is there.
    """

    def __init__(self) -> None:
        self.words: dict[str, list[tuple[str, str, str, str]]] = {}
        self.codes: dict[str, str] = {}
        self.away: Answer | None = None
        self.back_after: int | None = None
        self.probes = 0
        self.asked: list[tuple[str, Json]] = []
        self.requests: list[Request] = []
        self.base_url = ""

    @property
    def values(self) -> list[str]:
        """The values that it was asked for, in the order in which they came."""
        return [p["valueCode"] for _, body in self.asked for p in body["parameter"] if p["name"] == "code"]

    def __call__(self, request: Request) -> Answer | None:
        if "$" not in request.path:
            self.probes += 1
            self.away = None if self.probes == self.back_after else self.away
            return self.away
        self.requests.append(request)
        self.asked.append((request.path, json.loads(request.body)))
        if self.away is not None:
            return self.away
        value = self.values[-1]
        if request.path.endswith("$translate"):
            return self.parameters(result=value in self.words, match=self.words.get(value, []))
        if value in self.codes:
            return self.parameters(result=True, display=self.codes[value])
        if request.path.endswith("$lookup"):
            issue = {"severity": "error", "code": "not-found", "diagnostics": f"no {value}"}
            outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
            return Answer(404, {"content-type": "application/fhir+json"}, json.dumps(outcome).encode())
        return self.parameters(result=False)

    @staticmethod
    def parameters(result: bool, match: Any = (), display: str | None = None) -> Answer:
        """The answer that says so."""
        given: list[Json] = [{"name": "result", "valueBoolean": result}]
        given += [{"name": "display", "valueString": display}] if display else []
        for system, code, shown, equivalence in match:
            concept = {"system": system, "code": code, "display": shown}
            parts = [{"name": "equivalence", "valueCode": equivalence}, {"name": "concept", "valueCoding": concept}]
            given.append({"name": "match", "part": parts})
        body = {"resourceType": "Parameters", "parameter": given}
        return Answer(200, {"content-type": "application/fhir+json"}, json.dumps(body).encode())


@pytest.fixture
def terminology() -> Iterator[Terminology]:
    """A terminology server that knows nothing until a test tells it."""
    stub = Terminology()
    with FhirTwin() as twin, FhirTwinServer(twin, fault=stub) as server:
        stub.base_url = server.base_url
        yield stub


@pytest.fixture(scope="session")
def docker_answers() -> bool:
    """Whether a Docker engine is there, asked only where one could be."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return False
    try:
        client = docker.from_env(timeout=3)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


@pytest.fixture(scope="session")
def local_fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real HAPI FHIR server in a process of its own (deploy/local/fhir), which a test may kill and start again.

    Skipped where there is no JDK or Maven, but never in CI: nobody would notice.
    """
    sys.path.append(str(Path(__file__).parents[1] / "deploy" / "local" / "fhir"))  # programs, and no package
    program, ports = importlib.import_module("local_fhir"), importlib.import_module("ports")
    server = program.LocalFhir(tmp_path_factory.mktemp("fhir"), ports.free_port())
    try:
        server.start()
    except program.JvmError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no real FHIR server: {error}")
    yield server
    server.wipe()


@pytest.fixture(scope="session")
def fhir_container() -> Iterator[str]:
    """HAPI's own image, as docker-compose.yml runs it; its base URL."""
    container = DockerContainer("hapiproject/hapi:v8.8.0-1").with_exposed_ports(8080)
    container.with_env("hapi.fhir.fhir_version", "R4")
    container.with_env("hapi.fhir.allow_external_references", "true")
    container.waiting_for(HttpWaitStrategy(8080, "/fhir/metadata").for_status_code(200).with_startup_timeout(180))
    with container:
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8080)}/fhir"


@pytest.fixture(scope="session")
def fhir_address(request: pytest.FixtureRequest) -> str:
    """The base URL of a real FHIR server, started once a session and only where a test asks for it.

    That of MEDIE_TEST_FHIR_URL, else one in a container where Docker is, else one in a process.
    """
    if given := os.environ.get("MEDIE_TEST_FHIR_URL"):
        return given
    if request.getfixturevalue("docker_answers"):
        return str(request.getfixturevalue("fhir_container"))
    return str(request.getfixturevalue("local_fhir").address)


LORA_BASE = "org/base-8b"


def put(folder: Path, weights: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"r": 16}', encoding="utf-8")
    (folder / "adapter_model.safetensors").write_text(weights, encoding="utf-8")
    return folder


def written(at: Path, **adapters: dict[str, str]) -> Path:
    at.write_text(json.dumps({"adapters": adapters}), encoding="utf-8")  # JSON is YAML
    return at


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    said = {}
    for name in ("first", "second"):
        folder = put(tmp_path / name, f"weights of {name}")
        said[name] = {"base": LORA_BASE, "learned": "medical-ie", "from": name, "sha256": digest_of(folder)}
    return load_registry(written(tmp_path / "adapters.yaml", **said))


@pytest.fixture
def vllm() -> Iterator[Any]:
    """What answers as vLLM does where modules come and go (``twins/vllm_twin.py``)."""
    with VllmTwin(LORA_BASE, FIELDS) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        for gate in running.gates.values():
            gate.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def add() -> Callable[..., Path]:
    return put
