"""How goods reach their buyers: what it costs, by whom they go, and where they are."""
