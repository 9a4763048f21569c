"""Pricing: what does a call cost, and what was saved? Pure; imports `producers`."""
