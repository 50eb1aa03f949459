"""Passwords: hashed with Argon2id beside the event loop, checked exactly as typed, and not the first one guessed.

Parameters are those of OWASP's Password Storage Cheat Sheet (19 MiB, two passes, one lane); the rules of what is taken
follow NIST SP 800-63B: a length, and no password that is common or says who it belongs to.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher, exceptions

from tradepost.core.errors import Unavailable, invalid

Result = TypeVar("Result")

SHORTEST = 8
LONGEST = 256
_FEWEST_DIFFERENT = 5
_SHORTEST_WORD = 4
_AT_ONCE = 2
_MOST_WAITING = 200
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_COMMON = frozenset(
    """
    password passwort passw pass pwd letmein welcome willkommen admin administrator root login master superuser user
    guest test testing demo default changeme secret geheim qwerty qwertyuiop qwertz asdf asdfgh asdfghjkl zxcvbn zxcvbnm
    qazwsx qwer iloveyou loveyou love sunshine princess monkey dragon football fussball baseball basketball soccer
    hockey
    shadow superman batman spiderman pokemon starwars michael jordan jennifer jessica ashley charlie daniel thomas
    andrew
    summer winter spring autumn freedom whatever trustno hello hallo abc abcd abcdef abcdefgh abcdefghi killer pepper
    ginger cookie cheese banana computer internet samsung google facebook liverpool arsenal chelsea matrix mustang
    corvette ferrari harley hunter ranger flower purple orange silver golden diamond angel lovely family mother father
    shop store tradepost order orders customer money correct horse
    """.split()
)
_ROWS = ("1234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")
_LOOKALIKES = str.maketrans("01345@$!7", "oleasasit")


class Passwords:
    """Two hashes at a time, so that sign-ins never take the processor from placing orders; the others wait in line."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Raises Unavailable where too many wait."""
        return await self._run(lambda: _hasher.hash(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Takes as long for an account that is not there, or has no password."""
        return await self._run(lambda: _verified(kept, password))

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def hash_now(password: str) -> str:
    """For commands, which have no event loop to spare."""
    return _hasher.hash(password)


def _verified(kept: str | None, password: str) -> bool:
    try:
        return _hasher.verify(kept or _nobodys(), password) and kept is not None
    except exceptions.VerifyMismatchError:
        return False


@cache
def _nobodys() -> str:
    """The hash of a password that nobody knows."""
    return _hasher.hash(secrets.token_hex(32))


def check_password(password: str, *personal: str, pointer: str = "/password") -> None:
    """ValidationFailed `weak_password` for one that is short, common, a row of keys, or made of `personal` words."""
    if len(password) > LONGEST:
        raise invalid(pointer, "out_of_range", f"has more than {LONGEST} characters")
    if len(password) < SHORTEST:
        raise invalid(pointer, "weak_password", f"has fewer than {SHORTEST} characters")
    if _is_guessable(password.casefold(), personal):
        raise invalid(pointer, "weak_password", "is one of the first that would be guessed")


def _is_guessable(password: str, personal: tuple[str, ...]) -> bool:
    core = _without_decoration(password)
    plain = _without_decoration(password.translate(_LOOKALIKES))
    named = {word for text in personal for word in (text.casefold(), *re.findall(r"\w{4,}", text.casefold()))}
    return (
        len(set(password)) < _FEWEST_DIFFERENT
        or not {core, plain}.isdisjoint(_COMMON | named | {""})
        or any(_is_made_of(plain, word) for word in (*_COMMON, *named))
        or any(_is_run(part) for part in {password, core} if part)
    )


def _without_decoration(password: str) -> str:
    """What is left without the digits and signs at both ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password)


def _is_made_of(password: str, word: str) -> bool:
    return len(word) >= _SHORTEST_WORD and password.replace(word, "") == ""


def _is_run(password: str) -> bool:
    """Neighbours on the keyboard or in the alphabet, forwards or backwards."""
    return any(password in row or password[::-1] in row for row in _ROWS)
