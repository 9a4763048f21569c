"""Connections: one HTTP request's bytes in and out, its limits, and the end of the process."""
