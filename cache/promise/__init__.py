"""Promise: error bounds by step and language, and what was observed on an entry. Is it kept?

Pure. Imports no other room of the cache.
"""
