"""Budgets: has the tenant money left? May import config and redis."""
