"""The embedded PostgreSQL opens its folder again, whatever a power cut has left in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server import postmaster_of, scratch_folder, tradepost
from tradepost.db.embedded import EmbeddedDatabase

pytestmark = [pytest.mark.embedded, pytest.mark.xdist_group("faults")]


@contextmanager
def _stopped() -> Iterator[tuple[Path, str]]:
    """The data folder of a database that is not running, and its postmaster.pid of when it was."""
    with scratch_folder() as folder:
        with _running(folder):
            noted = (folder / "data" / "postgres" / "postmaster.pid").read_text()
        yield folder / "data" / "postgres", noted


@contextmanager
def _running(folder: Path) -> Iterator[EmbeddedDatabase]:
    database = EmbeddedDatabase(folder / "data")
    try:
        yield database
    finally:
        database.close()


def _opens(data: Path) -> bool:
    """Whether a command finds its database there, and leaves none running."""
    opened = tradepost("migrate", data_dir=data.parent)
    assert opened.returncode == 0, opened.stderr
    return not (data / "postmaster.pid").exists()


def _told(data: Path) -> str:
    """The one line, after its title, with which a command refuses to use the folder."""
    refused = tradepost("migrate", data_dir=data.parent)
    assert refused.returncode == 1
    title, line = refused.stderr.splitlines()
    assert title == "tradepost: The embedded PostgreSQL did not start"
    return line


def test_the_postgresql_of_another_folder_with_the_old_process_number_is_not_the_database() -> None:
    with _stopped() as (data, noted), scratch_folder() as elsewhere, _running(elsewhere):
        stranger = postmaster_of(elsewhere)
        (data / "postmaster.pid").write_text("\n".join([str(stranger), *noted.splitlines()[1:], ""]))
        assert _opens(data)
        assert postmaster_of(elsewhere) == stranger


def test_a_process_number_of_which_a_power_cut_left_a_part_or_garbage_does_not_keep_the_database_shut() -> None:
    with _stopped() as (data, noted):
        for left in (b"", noted[:3], noted[:30], noted[:-10], b"\0" * 300, b"-1\n\n\n\n\n\n\nready\n", b"\xff\xfe"):
            (data / "postmaster.pid").write_bytes(left if isinstance(left, bytes) else left.encode())
            assert _opens(data), left


def test_nor_does_an_empty_lock_of_its_socket() -> None:
    with _stopped() as (data, _):
        (data / ".s.PGSQL.5432.lock").write_bytes(b"")
        assert _opens(data)


def test_nor_does_garbage_in_the_list_of_those_who_use_it() -> None:
    with _stopped() as (data, _):
        for left in (b"", b"\0" * 8, b"[12, ", b"{}", b'["x"]', b"[-1]", b"[99999999999999999999]"):
            (data / ".handle_pids.json").write_bytes(left)
            assert _opens(data), left


def test_a_damaged_folder_of_a_running_database_is_left_alone_and_the_message_says_what_to_do() -> None:
    """Removing what is not surely of the dead could start a second server on the same data."""
    with scratch_folder() as folder, _running(folder):
        data = folder / "data" / "postgres"
        number, users = data / "postmaster.pid", data / ".handle_pids.json"
        whole, attached = number.read_text(), users.read_bytes()
        number.write_text("")
        assert f"Stop it with 'kill -INT {whole.splitlines()[0]}'" in _told(data)
        number.write_text(whole.replace("ready   ", "starting"))
        assert "not ready" in _told(data)
        number.write_text(whole)
        users.write_bytes(b"[12, ")
        assert f"{users} is damaged. Stop" in _told(data)
        users.write_bytes(attached)
        assert not _opens(data)


def test_a_folder_whose_version_a_power_cut_has_emptied_is_said_in_one_line() -> None:
    with _stopped() as (data, _):
        (data / "PG_VERSION").write_text("")
        assert "is damaged" in _told(data)
