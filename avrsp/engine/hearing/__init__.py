"""Whether a model uses sound: the test videos with other sounds, and what follows from it."""
