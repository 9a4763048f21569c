"""Batch adapters: how is a batch created, looked up, polled, cancelled and read?"""
