"""The command that serves a page on which to drop a video."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=7860, show_default=True)
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of models.  [default: data/models]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("predicted"),
    show_default=True,
    help="Folder for the results, which stay there.",
)
@click.option(
    "--device", type=click.Choice(["cpu", "cuda", "auto"]), default="auto", show_default=True
)
def app(host: str, port: int, models: Path | None, out: Path, device: str) -> None:
    """Serve a page on which to drop a video, choose a model, and download the overlay and maps.

    By default only this machine can open it. It asks no other machine for anything. Ctrl-C ends it.
    """
    from avrsp import paths
    from avrsp.errors import ParamsError
    from avrsp.processes import keep_freed_memory

    keep_freed_memory()
    try:
        from avrsp.app.local_server import serve
    except ModuleNotFoundError as error:
        if error.name not in {"gradio", "fastapi", "uvicorn"}:
            raise
        raise ParamsError(
            f"avrsp app: {error.name} is not installed; run: pip install 'avrsp[app]'"
        ) from None
    folder = paths.home() / "data" / "models" if models is None else models
    serve(folder, out, device, (host, port))
