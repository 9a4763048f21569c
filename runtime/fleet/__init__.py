"""The fleet of workers: which pools are there, and what do they report of the deployments?

Looked at now and then and on nobody's way: pools in Kafka, reports in Redis. Imports consuming,
speed and redis.
"""
