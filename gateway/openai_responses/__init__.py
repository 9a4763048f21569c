"""OpenAI Responses: the dialect of `/v1/responses`, JSON and server-sent events."""
