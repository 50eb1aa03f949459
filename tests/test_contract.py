"""The API does what its document says: schemathesis sends what the document allows and what it forbids, as three roles."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server import PATIENCE, Server, environment, serving
from tradepost.app import demo, operating

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("contract")]

_CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
]
_EXAMPLES = 15


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """A server with a small shop in it."""
    await demo.seed(database_url, demo.Size(products=30, customers=5, orders=20))
    with serving(database_url=database_url, unsafe_database=True, log_level="warning") as started:
        yield started


@pytest.mark.parametrize(
    ("role", "scopes"), [("guest", []), ("staff", ["*"]), ("reader of events only", ["events:read"])]
)
async def test_the_api_does_what_its_document_says(
    server: Server, tmp_path: Path, role: str, scopes: list[str]
) -> None:
    header: list[str] = []
    if scopes:
        key = await operating.create_key(server.database_url, name=role, scopes=scopes, store=None)
        header = ["--header", f"X-API-Key: {key}"]
    done = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            "--config-file=/dev/null",
            "run",
            f"{server.url}/openapi.json",
            "--phases=examples,coverage,fuzzing,stateful",
            f"--checks={','.join(_CHECKS)}",
            f"--max-examples={_EXAMPLES}",
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
            "--suppress-health-check=all",
            "--request-timeout=20",
            *header,
        ],
        cwd=tmp_path,
        env=environment() | {"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 5,
    )
    assert done.returncode == 0, f"{role}\n{done.stdout}\n{done.stderr}"
    assert "request_failed" not in server.log
