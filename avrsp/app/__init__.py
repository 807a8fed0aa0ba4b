"""A page on which to drop a video: predict it, watch, stop, and download the results."""

from __future__ import annotations

import os

# Read when gradio and huggingface_hub are imported: nobody is told that the page is used.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
