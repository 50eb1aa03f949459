"""Tradepost: a headless-commerce backend."""
