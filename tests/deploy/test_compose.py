"""docker-compose.yml and the images, without a Docker engine: by Compose's own reading, and by what must hold in it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import medie_fhir
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.settings import KafkaSettings, ModelSettings, load_settings

REPO = Path(__file__).parents[2]
DOCKER = REPO / "deploy" / "docker"
STACK: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
LONG_RUNNING = sorted(set(SERVICES) - {"topics"})
CONSUMERS = ("extract", "publish")
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*")

each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_consumer = pytest.mark.parametrize("name", CONSUMERS)


@pytest.fixture(scope="module")
def compose() -> list[str]:
    """Docker Compose: MEDIE_TEST_COMPOSE, what deploy/docker/get_compose.sh built, or Docker's plugin."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medie-fhir" / "compose"
    if given := os.environ.get("MEDIE_TEST_COMPOSE"):
        return [given]
    if built := sorted(cache.glob("docker-compose-v*")):
        return [str(built[-1])]
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            return ["docker", "compose"]
    # Not a failure in CI either: what must hold is asserted below without it, and it needs Docker or Go to be had.
    pytest.skip("no Docker Compose: run deploy/docker/get_compose.sh (needs Go), or name one in MEDIE_TEST_COMPOSE")


def read_by(compose: list[str], profile: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*compose, "--project-directory", str(REPO), "-f", str(REPO / "docker-compose.yml"), "config"]
    given = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "COMPOSE_PROFILES": profile, **environment}
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_compose_accepts_the_file_with_each_model_server(compose: list[str], profile: str) -> None:
    done = read_by(compose, profile, POSTGRES_PASSWORD="of-a-test")
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr
    running = set(yaml.safe_load(done.stdout)["services"])
    other = {"cpu": "model-gpu", "gpu": "model-cpu"}[profile]
    assert running == set(SERVICES) - {other}


def test_compose_refuses_to_start_without_a_password(compose: list[str]) -> None:
    done = read_by(compose, "cpu", POSTGRES_PASSWORD="")
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD" in done.stderr


@each_service
def test_every_image_is_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_base_image_is_pinned(path: Path) -> None:
    bases = re.findall(r"^FROM (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert bases
    assert [base for base in bases if not PINNED.fullmatch(base)] == []


def test_our_image_has_the_version_of_the_library() -> None:
    assert {SERVICES[name]["image"] for name in CONSUMERS} == {f"medie-fhir:{medie_fhir.__version__}"}


def test_containers_and_processes_are_of_the_same_versions() -> None:
    kafka, hapi = (
        re.findall(rf"<artifactId>{artifact}</artifactId>\s*<version>(.+?)</version>", pom.read_text(encoding="utf-8"))
        for artifact, pom in (
            ("kafka_2.13", REPO / "deploy/local/kafka/pom.xml"),
            ("hapi-fhir-jpaserver-base", REPO / "deploy/local/fhir/pom.xml"),
        )
    )
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka[0]}"
    assert SERVICES["fhir"]["image"] == f"medie-fhir-hapi:{hapi[0]}"
    assert f"FROM hapiproject/hapi:v{hapi[0]}" in (DOCKER / "fhir.Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_runs_on_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "start_period", "retries"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


@each_service
def test_nothing_runs_as_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")


@each_service
def test_every_volume_is_named_and_what_comes_from_the_repository_is_only_read(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        if isinstance(volume, str):
            assert volume.split(":")[0] in STACK["volumes"]
        else:
            assert volume["type"] == "bind"
            assert volume["read_only"] is True
            assert (REPO / volume["source"]).exists()


@each_service
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@each_service
def test_no_secret_stands_in_the_file(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    secrets = [value for key, value in environment.items() if re.search("(?i)password|token|secret", key)]
    assert all(str(value).startswith("${") for value in secrets)


@each_consumer
def test_consumers_wait_for_what_they_need(name: str) -> None:
    needs = {needed: how["condition"] for needed, how in SERVICES[name]["depends_on"].items()}
    models = {"model-cpu": "service_healthy", "model-gpu": "service_healthy"} if name == "extract" else {}
    assert needs == {
        "kafka": "service_healthy",
        "topics": "service_completed_successfully",
        "fhir": "service_healthy",
        **models,
    }


@each_consumer
def test_consumers_have_settings_that_we_know(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith("MEDIE_") and not key.startswith("MEDIE_TEST_")]:
        monkeypatch.delenv(key)
    for key, value in SERVICES[name]["environment"].items():
        assert key.startswith("MEDIE_")
        monkeypatch.setenv(key, value)
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.health.host == "0.0.0.0"
    assert bool(settings.model.base_url) is (name == "extract")


@each_consumer
def test_consumers_write_nowhere_and_may_finish_their_work(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert int(service["stop_grace_period"].removesuffix("s")) >= load_settings().loop.drain_seconds + 30
    assert "/readyz" in service["healthcheck"]["test"][-1]


def test_both_model_servers_serve_the_adapter_under_the_name_that_is_asked_for() -> None:
    asked = ModelSettings().name
    for name in ("model-cpu", "model-gpu"):
        assert any(argument.startswith(f"--lora-modules={asked}=") for argument in SERVICES[name]["command"])


def test_the_topics_are_ours_and_the_same_as_without_docker() -> None:
    sys.path.insert(0, str(REPO / "deploy" / "local"))
    try:
        import stack
    finally:
        sys.path.remove(str(REPO / "deploy" / "local"))
    script = SERVICES["topics"]["command"][-1]
    made = {
        re.search(r"--topic (\S+)", line)[1]: dict(re.findall(r"--config (\S+?)=(\S+)", line))  # type: ignore[index]
        for line in script.splitlines()
        if "--topic" in line
    }
    kafka = KafkaSettings()
    assert set(made) == {kafka.events, kafka.extractions, kafka.dead_letters}
    assert made == {topic: policy for topic, (_, policy) in stack.TOPICS.items()}
    assert "compact" not in made[kafka.dead_letters]["cleanup.policy"]


def test_our_image_runs_as_a_user_and_holds_no_tools_to_build_with() -> None:
    final = (DOCKER / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert not re.search(r"apt-get|gcc|build-essential", final)


def test_the_image_is_built_from_what_is_there_and_nothing_else_is_sent() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[lines.index("*") :][0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == sources
    assert [source for source in sources if not (REPO / source).exists()] == []


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")
def test_the_fhir_servers_health_check_tells_up_from_down(tmp_path: Path) -> None:
    subprocess.run(["javac", "-d", str(tmp_path), str(DOCKER / "HealthCheck.java")], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/metadata"

    def asked(url: str) -> int:
        return subprocess.run(["java", "-Xmx32m", "-cp", str(tmp_path), "HealthCheck", url], check=False).returncode

    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        assert asked(f"{server.base_url}/metadata") == 0
        assert asked(f"{server.base_url}/Nothing") == 1
    assert asked(nobody) == 1
