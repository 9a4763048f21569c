"""Publish LLM requests to Kafka and await, stream or consume the replies."""
