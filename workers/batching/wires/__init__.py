"""Batch wires, pure: how does each provider write batches, their states and their results?"""
