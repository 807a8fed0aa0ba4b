"""Networks: every saliency method that can be trained and run here, one a file."""
