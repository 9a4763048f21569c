"""Serving: the ASGI application with its access log, and the process around it."""
