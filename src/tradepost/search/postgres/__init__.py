"""The default engine: full-text search in the shop's own PostgreSQL, without extensions."""

from tradepost.search.postgres.engine import PostgresEngine

__all__ = ["PostgresEngine"]
