"""Planning room (pure): the next step of a request from all that is known of it.

Call, wait, reroute, delay or give up? Imports gates and verdicts from health.
"""
