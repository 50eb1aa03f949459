"""Statements on rates and exemptions."""
