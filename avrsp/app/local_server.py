"""Serves the page to this machine, and sees to it that the page asks no other one for anything."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from avrsp.app.gradio_page import Page, models_in, page
from avrsp.errors import ParamsError

POLICY: Final = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
"""What a browser may load: from this server alone."""

FONTS: Final = ("system-ui", "sans-serif")
MONOSPACED: Final = ("ui-monospace", "monospace")
LOCAL_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


def application(models: Path, out: Path, device: str, host: str) -> FastAPI:
    """Return the page as a program for a web server that listens at `host`.

    Raises:
        WeightsError: There is no model.
    """
    out.mkdir(parents=True, exist_ok=True)
    app = FastAPI(openapi_url=None)
    if _is_local(host):  # another site's name must not lead here
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL_NAMES, host])

    @app.middleware("http")
    async def restricted(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await answer(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    theme = gr.themes.Base(font=[*FONTS], font_mono=[*MONOSPACED])
    served: FastAPI = gr.mount_gradio_app(
        app,
        page(models_in(models), Page(out, device)),
        path="/",
        server_name=host,
        allowed_paths=[str(out.resolve())],
        footer_links=[],
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme,
    )
    return served


def serve(models: Path, out: Path, device: str, address: tuple[str, int]) -> None:
    """Serve the page at a host and a port until the program is interrupted.

    Raises:
        ParamsError: The port is taken, or the host is not one of this machine.
        WeightsError: There is no model.
    """
    host, port = address
    app = application(models, out, device, host)
    try:
        listening = socket.create_server(address)
    except OSError as error:
        raise ParamsError(
            f"{host}:{port}: cannot be listened at ({error.strerror}); choose another --port or "
            "--host"
        ) from None
    with listening:
        if not _is_local(host):
            sys.stderr.write(f"avrsp: anybody who reaches {host} can use this page\n")
        sys.stderr.write(f"avrsp: open http://{host}:{port}/ in a browser; Ctrl-C ends it\n")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listening])


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
