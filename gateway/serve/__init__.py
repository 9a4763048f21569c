"""Serving: the ASGI application, its connections, and the process around them."""
