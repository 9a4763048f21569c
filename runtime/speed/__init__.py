"""Speed of deployments: how soon does an answer begin, and how fast does it come?

Pure: measured speeds, what is assumed without them, whether a request's limits are kept, and how an
objective ranks. Imports the configuration and the contract.
"""
