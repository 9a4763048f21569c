"""Text features, pure: what does a prompt look like?

May import the contract and the data of the configuration; no other room of the router.
"""
