"""Limits of a deployment: how much may be sent to it, per minute and at once, and when is it late?

Pure: no I/O, clock or randomness. Of this repository it imports the providers' call outcomes alone.
"""
