"""Real verl on CPU in every trainer mode and with many settings, and the proofs that nothing was lost.

`python -m benchmarks.e2e_full [--cases a,b] [--work DIR] --json FILE` runs the cases that FILE lacks and adds them.
"""
