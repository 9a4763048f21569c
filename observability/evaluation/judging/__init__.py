"""Judging: which of two answers does a model prefer, whatever their order? Pure."""
