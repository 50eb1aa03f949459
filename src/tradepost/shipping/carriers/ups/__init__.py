"""UPS, over its REST API (decision 0014)."""
