"""Exchanges: what does a caller's request become in Kafka, and who reads its reply?"""
