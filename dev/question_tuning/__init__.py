"""Tuning of multilingual-e5-small's last layers to kinds of questions: no torch, only numpy."""
