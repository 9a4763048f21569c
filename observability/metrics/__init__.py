"""Metrics: how much of what, as Prometheus and OpenTelemetry collect it? Imports `producers`."""
