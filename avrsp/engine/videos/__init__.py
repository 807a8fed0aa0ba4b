"""Predictions for people: of video files, of frames in memory, with overlays and exports."""
