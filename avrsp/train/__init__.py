"""Training: clips, sampling, the loop, its states and processes."""
