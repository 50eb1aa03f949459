"""Sentences about the shop, on a real PostgreSQL."""
