"""Redis: how is it asked, and what if it is away? May import the circuit breaker."""
