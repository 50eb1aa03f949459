"""The engines that come with the house keep the contract."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.search_contract import EngineContract
from tests.searching import opened
from tradepost import stores
from tradepost.app import demo
from tradepost.core.ids import uuid7
from tradepost.db import Database
from tradepost.search import PostgresEngine
from tradepost.stores import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as db:
        yield db


@pytest.fixture
async def store(database_url: str) -> Store:
    return await demo.create_store(database_url)


@pytest.fixture
async def other_store(db: Database, store: Store) -> Store:
    other = msgspec.structs.replace(store, id=uuid7(), slug="other", hosts=[], is_default=False)
    async with db.transaction() as tx:
        await stores.insert(tx, other)
    return other


class TestPostgres(EngineContract):
    @pytest.fixture
    def engine(self, db: Database) -> PostgresEngine:
        return PostgresEngine(db)
