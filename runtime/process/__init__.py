"""Process: how does a service start, publish, listen and stop? May import all of runtime."""
