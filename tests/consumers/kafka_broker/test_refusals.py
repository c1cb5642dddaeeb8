"""``doctor`` and ``run`` where the broker doesn't let us in: exit 3 and one line, within seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from medie_fhir.settings import KafkaSettings

pytestmark = pytest.mark.kafka

REFUSALS = {
    "a wrong password": ({"password": "wrong"}, "LoginRefused", "a wrong password"),
    "an unknown CA": ({"ca_file": "other-ca"}, "NotTrusted", "does not come from the CA"),
    "a missing topic": ({}, "TopicForbidden", "hidden from us by the ACLs, or not there"),
}


def environment(kafka: KafkaSettings, name: str) -> dict[str, str]:
    security = kafka.security.model_dump(exclude_none=True, exclude={"password", "key_password"})
    assert kafka.security.password is not None
    security["password"] = kafka.security.password.get_secret_value()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MEDIE_") or key == "MEDIE_HOME"}
    return clean | {
        "MEDIE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MEDIE_KAFKA__EVENTS": name,
        "MEDIE_MODEL__BASE_URL": "http://127.0.0.1:1/v1",
        "MEDIE_FHIR__BASE_URL": "http://127.0.0.1:1",
        "MEDIE_FHIR__ATTEMPTS": "1",
        **{f"MEDIE_KAFKA__SECURITY__{key.upper()}": str(value) for key, value in security.items()},
    }


def begin(*arguments: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Two at once: most of their time is Python's start."""
    return subprocess.Popen(
        [sys.executable, "-c", "from consumers.cli import main; main()", *arguments],
        env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
def test_doctor_and_run_say_what_it_is(secured, name, refusal):
    changes, error, text = REFUSALS[refusal]
    changes = {key: secured.files.get(value, value) for key, value in changes.items()}
    env = environment(secured.settings(**changes), name)
    with begin("run", env=env) as run, begin("doctor", "--json", env=env) as doctor:
        began = time.monotonic()
        shown, line = run.communicate(timeout=60)
        assert time.monotonic() - began < 25  # less than the half minute that the client alone would wait
        found, noise = doctor.communicate(timeout=60)
    assert (run.returncode, doctor.returncode) == (3, 3)
    assert line.splitlines()[-1].startswith(f"medie-fhir: {error}: ")
    assert text in line.splitlines()[-1]
    checks = {line["check"]: line for line in map(json.loads, found.splitlines())}
    assert not checks["kafka"]["ok"]
    assert checks["kafka"]["found"].startswith(f"{error}: ")
    assert text in checks["kafka"]["found"]
    for told in (shown, line, found, noise):
        assert "Traceback" not in told
        assert secured.password not in told
