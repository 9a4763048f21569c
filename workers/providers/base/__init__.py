"""Base room (pure): what every wire dialect is made of. What goes in, how can a call end?

Imports no other room of the providers.
"""
