"""Batch pool: who takes requests in, forms batches, keeps them moving, settles their results?"""
