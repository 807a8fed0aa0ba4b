"""Networks that predict saliency, one a file."""
