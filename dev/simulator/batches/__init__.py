"""Simulated batch interfaces: OpenAI's, Azure's, Mistral's, Anthropic's and Bedrock's (with S3)."""
