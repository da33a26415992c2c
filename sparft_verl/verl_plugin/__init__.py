"""Where verl is entered; the only package here that imports it."""

SWITCH = "SPARFT_CURRICULUM"
"""Environment variable that tells every process of a run that a curriculum was asked for."""

GATE_METRIC = "sparft_gate"
"""Value of algorithm.filter_groups.metric under which the curriculum's gate decides, and verl's own filter does not."""
