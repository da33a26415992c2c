"""Where verl is entered; the only package here that imports it."""

SWITCH = "SPARFT_CURRICULUM"
"""Environment variable that tells every process of a run that a curriculum was asked for."""
