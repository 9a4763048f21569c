"""Releases: what a release holds, and the source of an earlier one."""
