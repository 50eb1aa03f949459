"""The API does what its document says: schemathesis sends what that allows and what it forbids, as three roles."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.server import PATIENCE, environment, serving
from tradepost.app import demo, operating

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
_ALL_PHASES = "examples,coverage,fuzzing,stateful"
# DELETE switches these off: they can still be read.
_SWITCHED_OFF = ["[[operations]]", 'include-path-regex = "/promotions/"', "checks.use_after_free.enabled = false"]
# Things that are there, so that more than a refusal is tried out.
_THERE = """
    with sized as (
      select product.slug, variant.id
      from product_variant as variant join product on product.id = variant.product_id
      where variant.position = 2 and product.status = 'ACTIVE'
      order by product.slug
      limit 1
    )
    select 'ref', slug from sized
    union select 'variant_id', id::text from sized
    union select 'order_id', max(id::text) from sales_order
    union select 'customer_id', max(id::text) from account
    union values ('market', 'home'), ('quote', 'EUR'), ('locale', 'de')
"""


@pytest.mark.parametrize(
    ("scopes", "phases"),
    [([], _ALL_PHASES), (["*"], _ALL_PHASES), (["events:read"], "examples,fuzzing")],
    ids=["guest", "staff", "key-without-the-scope"],
)
def test_the_api_does_what_its_document_says(database_url: str, tmp_path: Path, scopes: list[str], phases: str) -> None:
    header = asyncio.run(_shop(database_url, scopes))
    (tmp_path / "settings.toml").write_text(_settings(database_url))
    with serving(database_url=database_url, unsafe_database=True, log_level="warning") as server:
        done = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis",
                "--config-file=settings.toml",
                "run",
                f"{server.url}/openapi.json",
                f"--phases={phases}",
                "--max-examples=8",
                "--generation-deterministic",
                "--continue-on-failure",
                "--no-shrink",
                "--no-color",
                "--warnings=off",
                "--suppress-health-check=all",
                "--request-timeout=20",
                *header,
            ],
            cwd=tmp_path,
            env=environment() | {"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE * 15,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "request_failed" not in server.log


async def _shop(url: str, scopes: list[str]) -> list[str]:
    """A small shop, and the option by which schemathesis plays the role in it."""
    await demo.seed(url, demo.Size(products=30, customers=5, orders=20))
    if not scopes:
        return []
    return ["--header", f"X-API-Key: {await operating.create_key(url, name='role', scopes=scopes, store=None)}"]


def _settings(url: str) -> str:
    with psycopg.connect(url) as connection:
        found = connection.execute(_THERE).fetchall()
    known = [f'"path.{name}" = "{value}"' for name, value in found]
    checks = [f"{check}.enabled = true" for check in _CHECKS]
    return "\n".join(["[parameters]", *known, "[checks]", "enabled = false", *checks, *_SWITCHED_OFF])
