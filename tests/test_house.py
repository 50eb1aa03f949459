"""The house keeps its own rules."""

import ast
import os
import re
import subprocess
from pathlib import Path

import msgspec
import psycopg
import pytest

from tradepost.app.rights import RIGHTS
from tradepost.app.wiring import api_document, operations
from tradepost.db import migrations
from tradepost.db.embedded import program
from tradepost.http.openapi import problems_of

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "tradepost").rglob("*.py"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_is_over_500_lines_and_no_function_over_60(file: Path) -> None:
    text = file.read_text()
    assert text.count("\n") <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name} is too long"


def test_the_schema_file_equals_the_sum_of_the_migrations(database_url: str, empty_database_url: str) -> None:
    schema = (ROOT / "src" / "tradepost" / "db" / "schema.sql").read_text()
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(schema.encode())
    assert _dump(database_url) == _dump(empty_database_url)


def _dump(url: str) -> str:
    """The schema as pg_dump of the server's own version or newer writes it, without what changes from run to run."""
    done = subprocess.run(
        [program("pg_dump"), "--schema-only", "--no-owner", url], check=True, capture_output=True, text=True
    )
    lines = (line for line in done.stdout.splitlines() if not line.startswith(("--", "\\")))
    # PostgreSQL 18 names these after the table, and keeps the name of a table that was renamed.
    return re.sub(r"CONSTRAINT \w+_not_null NOT NULL", "NOT NULL", "\n".join(lines))


def test_the_committed_api_document_is_the_one_of_the_program() -> None:
    committed = (ROOT / "docs" / "openapi.json").read_bytes()
    assert msgspec.json.decode(committed) == msgspec.json.decode(msgspec.json.encode(api_document())), (
        "run '.venv/bin/tradepost openapi > docs/openapi.json' and look at the difference"
    )


def test_every_operation_has_a_right_and_every_right_an_operation() -> None:
    assert {operation.name for operation in operations()} == RIGHTS.keys()


def test_every_refusal_of_an_operation_is_explained() -> None:
    explained = (ROOT / "docs" / "errors.md").read_text()
    codes = {problem.code for one in operations() for problem in problems_of(one, RIGHTS[one.name])}
    assert not [code for code in sorted(codes) if f"`{code}`" not in explained]


def test_every_operation_is_documented() -> None:
    for operation in operations():
        assert operation.summary.endswith("."), operation.name
        assert operation.body is None or operation.example is not None, operation.name


def test_migrations_run_once_and_notice_an_edited_file(empty_database_url: str) -> None:
    assert migrations.migrate(empty_database_url) == [migration.name for migration in migrations.all_migrations()]
    assert migrations.migrate(empty_database_url) == []
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("update schema_migration set checksum = 'other' where name = '0001_start'")
    with pytest.raises(migrations.MigrationChanged, match="edited"):
        migrations.migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("update schema_migration set name = '9999_future' where name = '0001_start'")
    with pytest.raises(migrations.MigrationChanged, match="newer"):
        migrations.migrate(empty_database_url)


def test_only_settings_read_the_environment() -> None:
    allowed = {"settings.py", "cli.py", "serving.py", "proving.py", "health.py", "embedded.py"}
    readers = {file.name for file in SOURCES if "os.environ" in file.read_text()}
    assert readers <= allowed, os.linesep.join(sorted(readers - allowed))
