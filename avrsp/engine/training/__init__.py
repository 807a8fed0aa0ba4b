"""From stores and a recipe to a trained model, by one process or several."""
