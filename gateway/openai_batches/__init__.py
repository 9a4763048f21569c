"""OpenAI's files and batches, pure: their objects as the official SDK reads them."""
