"""Demands: what a caller asks of Switchgear beside the dialect, and what came of it."""
