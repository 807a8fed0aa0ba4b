"""Maps against gaze: protocols, reference rows, averages and their intervals."""
