"""Tiny reasoning tasks and a tiny policy: GRPO in real verl on a machine without a GPU."""
