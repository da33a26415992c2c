"""Does the benchmark's own loop train as verl does? The same runs by both: policy, data, arms, curriculum, seeds."""
