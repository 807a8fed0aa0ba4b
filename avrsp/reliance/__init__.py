"""Does the sound matter: a trained network with other sounds."""
