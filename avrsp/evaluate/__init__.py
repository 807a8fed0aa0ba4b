"""Evaluation: protocols, scores, references, intervals."""
