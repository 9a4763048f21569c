"""Endpoints: what does each path do?"""
