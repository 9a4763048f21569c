"""Batching, for requests that may wait: how do they get the half price?

Rooms: pool → providers → state → wires → gathering. May import the rooms of a request's way.
"""
