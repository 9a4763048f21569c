"""Delivery room: work items in; idempotency, cancellations, chunks and replies out.

Whose request is it, and how do its records reach their topics? Imports no other room.
"""
