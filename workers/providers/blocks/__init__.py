"""Blocks room (pure): what Anthropic and Bedrock share in how they differ from OpenAI.

Both want alternating turns of content blocks and answer in numbered blocks. Imports base and
the prompt cache policy.
"""
