"""Queues: how many requests wait before one, and how long will it take?"""
