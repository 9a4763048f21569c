"""Gateway: OpenAI's and Anthropic's HTTP interfaces in front of Kafka.

A process holds one client of the request and reply topics. The rooms below `serve` are pure.
"""
