"""Running: how is each case asked of each candidate, once, within the money there is?

A client like any other: it publishes requests and reads their replies.
"""
