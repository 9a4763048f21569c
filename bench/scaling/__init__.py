"""What does a load need of processes, partitions and brokers, and what does scaling make of a day?

    python -m bench.scaling

A model, not a measurement: Kubernetes' and KEDA's own formulas over a stated load, with measured
figures of one process as input. Pure: no clock, no randomness, no files.
"""
