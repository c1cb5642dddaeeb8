"""What docs/fhir-login.md shows can be done as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import jwt
import pytest

from medie_fhir.adapters.fhir_auth import auth_of, prove
from medie_fhir.settings import load_settings

PAGE = (Path(__file__).parents[3] / "docs" / "fhir-login.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?:^(?: {4}.*)?\n)*^ {4}.*\n", PAGE, re.MULTILINE)]


def run(commands: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", commands], cwd=folder, env={"PATH": path}, check=True, capture_output=True)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.lstrip().startswith("fhir:")])
def test_settings_that_are_shown_are_settings(block, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(block, encoding="utf-8")
    settings = load_settings(file).fhir
    assert settings.base_url == "https://fhir.hospital.example/r4"
    assert settings.auth.kind in {"basic", "bearer", "client-credentials", "smart-backend"} or settings.tls.ca_file


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the command shown is openssl's")
@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_the_commands_make_a_key_and_a_jwks_that_a_token_server_takes(algorithm, tokens, registered, tmp_path):
    (commands,) = [b for b in BLOCKS if "openssl genpkey" in b]
    if algorithm == "ES384":
        curve = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"
        assert f"`{curve}`" in PAGE.replace("\n", " ")
        commands = commands.replace("-algorithm RSA -pkeyopt rsa_keygen_bits:3072", curve).replace("RS384", "ES384")
    run(commands, tmp_path)
    (public,) = json.loads((tmp_path / "jwks.json").read_text())["keys"]
    assert "d" not in public
    settings = registered("smart-backend", algorithm, key_file=tmp_path / "medie.pem", key_id=public["kid"])
    tokens.keys["medie", public["kid"]] = jwt.PyJWK(public).key
    auth = auth_of(settings.model_copy(update={"token_url": tokens.url}), "https://fhir.hospital.example/r4")
    assert await prove(auth) == "smart-backend as medie, scope system/*.cruds, for 300 s"
    assert "PRIVATE" in (tmp_path / "medie.pem").read_text()
