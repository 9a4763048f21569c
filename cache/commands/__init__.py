"""Commands: judge, calibrate, stats, invalidate. Each returns data; its renderer makes text of it.

The top floor: may import every room of the cache.
"""
