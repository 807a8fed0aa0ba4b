"""The video store and the map store, one zip file a video, and the manifest of all stores."""
