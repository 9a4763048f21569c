"""Webhook rules: how is a notice signed, when is it tried again, and where may it never go?"""
