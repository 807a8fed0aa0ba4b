"""The tutorial's page and its pictures, from the executed notebook."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

TUTORIAL: Final = Path(__file__).resolve().with_name("tutorial.ipynb")


def tutorial() -> str:
    """Return the notebook as a page: its text, its code, and what that gave."""
    note = "<!-- Written by `make docs` from tutorial.ipynb; change that, not this page. -->"
    parts, pictures = [note], 0
    for cell in _cells():
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            if "text" in output:
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif "image/png" in output.get("data", {}):
                pictures += 1
                parts.append(f"![What the code above draws](tutorial-{pictures}.png)")
    parts.append("[The notebook itself](tutorial.ipynb)")
    return "\n\n".join(parts) + "\n"


def tutorial_pictures() -> dict[Path, bytes]:
    """Return the pictures of the notebook by the path at which its page shows them."""
    outputs = (output for cell in _cells() for output in cell.get("outputs", ()))
    shown = (
        output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})
    )
    return {
        TUTORIAL.with_name(f"tutorial-{number}.png"): base64.b64decode("".join(content))
        for number, content in enumerate(shown, 1)
    }


def _cells() -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(TUTORIAL.read_text())["cells"]
    return cells
