"""Settings, wiring, the API server and the command line: knows everything, and nobody imports it."""
