"""Shared limits: how much of its key's limits has a caller used in the whole fleet?"""
