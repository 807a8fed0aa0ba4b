"""Audio-visual video saliency prediction, after Yu et al., arXiv 2411.11454."""
