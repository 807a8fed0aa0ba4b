"""An S3 server on loopback, and a way to it on which requests fail."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

BUCKET: Final = "lab"
NEEDED: Final = ("moto.server", "obstore", "boto3")


@dataclass(frozen=True)
class Server:
    """Where the server listens, and the variables by which clients find it."""

    address: str

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.address,
            "MLFLOW_S3_ENDPOINT_URL": self.address,
        }

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


def skip_without() -> None:
    """Skip where the packages are missing."""
    with contextlib.suppress(ModuleNotFoundError):
        if all(importlib.util.find_spec(name) for name in NEEDED):
            return
    pytest.skip(f"no S3 server here ({', '.join(NEEDED)}): make setup")


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server with an empty bucket."""
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "s3.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while not made_bucket(server):
            assert process.poll() is None, (folder / "s3.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.2)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def made_bucket(server: Server) -> bool:
    host, _, port = server.address.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=5)
    try:
        connection.request("PUT", f"/{BUCKET}", headers={"Host": f"{host}:{port}"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Faults:
    """What a proxy does to the next requests: `busy` get a 503, `cut` lose their second half.

    Each answer comes `seconds` late.
    """

    def __init__(self) -> None:
        self.busy = 0
        self.cut = 0
        self.seconds = 0.0


@contextlib.contextmanager
def faulty(server: Server) -> Iterator[tuple[Server, Faults]]:
    """Put a proxy before a server that fails as it is told."""
    faults = Faults()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            time.sleep(faults.seconds)
            if faults.busy > 0:
                faults.busy -= 1
                self.send_error(503)
                return
            length = int(self.headers.get("Content-Length") or 0)
            connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request(self.command, self.path, self.rfile.read(length), dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            if faults.cut > 0 and self.command == "GET":
                faults.cut -= 1
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.wfile.write(content)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_request  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{proxy.server_port}"), faults
    finally:
        proxy.shutdown()
        proxy.server_close()
