"""Jobs: how does a file of requests become requests, and their replies files again?

May import the contract, the broker seam and the client's settings.
"""
