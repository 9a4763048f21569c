"""OpenAI Chat Completions: the dialect of `/v1/chat/completions`, JSON and server-sent events."""
