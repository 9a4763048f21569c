"""Health of deployments: circuit breakers, rate budgets, limits. May this one be called now?

Imports providers (what a call's outcome can be); what it shares with other workers lies in Redis.
"""
