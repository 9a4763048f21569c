"""Router: which tier serves a request, and why? serve → decide → text, learn; no arrow back."""
