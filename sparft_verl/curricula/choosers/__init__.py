"""Choosers: which arms or prompts serve the slots of a batch, and with what probability."""
