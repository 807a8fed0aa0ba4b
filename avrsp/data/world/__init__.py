"""A generated world of videos with sound and gaze, in the raw layouts of the real sets."""
