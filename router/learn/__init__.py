"""Learning from outcomes, pure: what have answers so far taught about a tier?

May import the contract and the data of the configuration; no other room of the router.
"""
