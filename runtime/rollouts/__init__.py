"""Rollouts room: who looks at a model swap's requests, and publishes what follows?

The controller's process, and the operator's commands. Imports process and below; what follows is
decided in `observability.evaluation.rollout`.
"""
