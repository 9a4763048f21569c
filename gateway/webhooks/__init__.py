"""Webhooks: who hears of the end of a stored request, and does it get there?

The attempts are records of the stored requests' topic, so a notice survives the gateway that was
about to send it. May import the rules and the stored requests.
"""
