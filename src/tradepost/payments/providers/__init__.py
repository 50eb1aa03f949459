"""One file a provider. One that is slow to load is loaded where it is enabled."""
