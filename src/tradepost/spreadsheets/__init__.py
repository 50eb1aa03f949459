"""Spreadsheets in and out: imports that can be resumed and undone, and exports that read back as they were."""
