"""verl's older lines: 0.7.1 through its sampler, 0.8 and the legacy trainer of 0.9 through their data set."""

BLOCK = "sparft"
"""Key below `data` under which the driver leaves what these lines show to nobody but the data set: who asked, and
where checkpoints lie."""
