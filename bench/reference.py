"""The usual way to compare with: FastAPI with SQLAlchemy's ORM, in a virtual environment of its own."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.house import House
from bench.load import Target
from bench.serving import WORKERS, free_port, serving

CLIENTS = (16, 64)

_HERE = Path(__file__).parent / "orm_reference"
_LOCK = _HERE / "requirements.txt"
_VENV = _HERE / ".venv"
_UV = Path(sys.executable).parent / "uv"


def install() -> None:
    """Makes the environment, unless it is there and was made from this very lock."""
    stamp = _VENV / "made-from"
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    for command in (
        ["venv", "--clear", "--python", sys.executable, _VENV],
        ["pip", "sync", "--require-hashes", "--python", _VENV / "bin/python", _LOCK],
    ):
        subprocess.run([_UV, *command, "--quiet"], check=True, timeout=300)
    stamp.write_text(digest)


def copy_database(house: House) -> str:
    """A database like Tradepost's, and a sequence for order numbers."""
    url = house.copy("bench_orm")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create sequence bench_number")
    return url


@contextmanager
def serve(house: House, url: str) -> Iterator[Target]:
    """Two processes, as many as Tradepost gets."""
    port = free_port()
    command = [
        *(str(_VENV / "bin/uvicorn"), "orm_reference.app:app", "--app-dir", str(_HERE.parent)),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ]
    environment = os.environ | {"ORM_REFERENCE_DATABASE_URL": _in_its_form(url)}
    with serving(command, port, environment, house.folder / "orm_reference.log"):
        yield Target(port)


def _in_its_form(url: str) -> str:
    """SQLAlchemy takes a socket's folder only as a query."""
    known = conninfo_to_dict(url)
    return f"postgresql+psycopg://{known['user']}@/{known['dbname']}?host={known['host']}"
