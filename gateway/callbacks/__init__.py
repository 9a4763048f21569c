"""Callbacks: how does somebody learn of a reply who waits elsewhere, such as AWS Step Functions?"""
