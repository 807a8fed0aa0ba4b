"""Prediction: one map for each frame of a video."""
