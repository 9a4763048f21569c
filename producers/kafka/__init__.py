"""Kafka: the broker seam and its implementation on aiokafka. May import contract and settings."""
