"""Tax services."""
