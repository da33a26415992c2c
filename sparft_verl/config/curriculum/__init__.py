"""Hydra groups; what a user adds to a verl command line."""
