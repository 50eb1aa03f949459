import signal
import subprocess
import sys
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepost.core import clock, ids, texts
from tradepost.core.errors import Conflict, ValidationFailed
from tradepost.core.pages import CursorSigner
from tradepost.core.states import InvalidTransition, States


def test_ids_only_grow_and_carry_their_time() -> None:
    made = ids.Ids()
    some = [made.new(1_790_000_000_000) for _ in range(10_000)]
    assert all(first < second for first, second in pairwise(some))
    assert ids.milliseconds(some[0]) == 1_790_000_000_000
    assert {id_.version for id_ in some} == {7}
    assert {id_.variant for id_ in some} == {"specified in RFC 4122"}
    assert ids.first_of(1_790_000_000_000) <= some[0]


def test_ids_grow_even_when_the_clock_goes_back() -> None:
    made = ids.Ids()
    assert made.new(2_000_000_000_000) < made.new(1_000_000_000_000)


class Light(StrEnum):
    RED = "RED"
    GREEN = "GREEN"


def test_only_moves_of_the_table_are_possible() -> None:
    table = States({Light.RED: frozenset({Light.GREEN})})
    table.check(Light.RED, Light.GREEN)
    with pytest.raises(InvalidTransition) as refused:
        table.check(Light.GREEN, Light.RED)
    assert refused.value.extra == {"currentState": "GREEN", "possible": []}


def test_the_class_name_is_the_code() -> None:
    class StockOnTheMoon(Conflict):
        pass

    assert StockOnTheMoon.code == "stock_on_the_moon"


def test_a_cursor_opens_only_for_what_it_was_made_for() -> None:
    signer = CursorSigner(b"secret")
    cursor = signer.sign([5, "x"], "orders?status=PENDING")
    assert signer.open(cursor, "orders?status=PENDING") == [5, "x"]
    for forged, bound in [(cursor, "orders"), (cursor[:-2] + "AA", "orders?status=PENDING"), ("é", ""), ("!!", "")]:
        with pytest.raises(ValidationFailed):
            signer.open(forged, bound)
    with pytest.raises(ValidationFailed):
        CursorSigner(b"another").open(cursor, "orders?status=PENDING")


@given(st.text(max_size=80))
def test_search_words_have_no_character_that_a_query_could_trip_over(text: str) -> None:
    for word in texts.words(text):
        assert not set(word) & set("'\\:&|!()<>* \t\n")


@pytest.mark.parametrize(
    "written", ["2026-02-30T00:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00", "0000-01-01T00:00:00Z"]
)
def test_a_time_that_does_not_exist_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        clock.parse(written)


def test_times_are_written_in_utc_with_z() -> None:
    assert clock.rfc3339(clock.parse("2026-11-21T10:00:00+02:00")) == "2026-11-21T08:00:00.000Z"


_DIES_ONCE = """
import sys
from tradepost.core.crash_points import arm, crash_point
crash_point("here")
arm(sys.argv[1])
crash_point("elsewhere")
crash_point("here")
"""


def test_a_process_dies_where_a_test_wants_it_and_the_next_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    command = [sys.executable, "-c", _DIES_ONCE, str(tmp_path)]
    assert [subprocess.run(command, check=False).returncode for _ in range(2)] == [-signal.SIGKILL, 0]
