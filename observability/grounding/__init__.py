"""Groundedness: is what an answer says borne out by its context? Pure; imports `producers`."""
