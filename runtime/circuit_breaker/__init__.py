"""Circuit breaker: may what keeps failing be called now, or is it better left alone for a while?

Pure: it imports nothing of this repository and nothing that acts; `now` is a parameter.
"""
