"""Stored responses: what is kept of a response, for whom, where, and for how long?"""
