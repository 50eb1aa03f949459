"""Products on sale, found as people look for them: forgiving, counted by facets, within a second of every change."""

from tradepost.search.engine import Engine, Overtaken
from tradepost.search.following import Follower
from tradepost.search.postgres import PostgresEngine

__all__ = ["Engine", "Follower", "Overtaken", "PostgresEngine"]
