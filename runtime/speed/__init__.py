"""Speed of deployments: how soon does an answer begin, and how fast does it come?

Pure: measured speeds, what is assumed without them, and how an objective ranks by both. Imports the
configuration and the contract.
"""
