"""Tradepost: order management and headless commerce on PostgreSQL."""
