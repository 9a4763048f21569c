"""Stands in for paid providers: real wire protocols over HTTP, answers that are made up."""
