"""A server on 127.0.0.1 that serves files from memory and misbehaves as it is told to."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = Literal["500", "404", "cut", "hang", "stall", "wrong byte", "page", "whole", "shifted"]


class Server:
    """Files by path; the faults that the next requests for a path meet, in turn; what was asked.

    `cut` and `stall` send half of what was asked for, `whole` ignores a range, `shifted` sends
    another range than the one asked for. A path whose faults are used up is served as it should.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.asked: list[tuple[str, str | None]] = []
        self.authorised: list[str | None] = []
        self.tag = '"one"'
        self.over = threading.Event()
        self.address = ""


@contextmanager
def serving() -> Iterator[Server]:
    """Start a server, and stop it with all that hangs in it."""
    state = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.address = f"http://127.0.0.1:{http.server_port}"
    try:
        yield state
    finally:
        state.over.set()
        http.shutdown()
        thread.join()
        http.server_close()


def _handler(state: Server) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"state": state})


class _Handler(BaseHTTPRequestHandler):
    state: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.state.asked.append((self.path, asked))
        self.state.authorised.append(self.headers.get("Authorization"))
        faults = self.state.faults[self.path]
        fault = faults.pop(0) if faults else None
        if fault == "hang":
            self.state.over.wait()
        elif fault in {"500", "404"}:
            self.send_error(int(fault))
        elif self.path not in self.state.files:
            self.send_error(404)
        else:
            content = self.state.files[self.path]
            begin = self.begin(asked, fault)
            self.head(begin, len(content), "text/html" if fault == "page" else "application/gzip")
            self.body(content[begin:], fault)

    def begin(self, asked: str | None, fault: Fault | None) -> int:
        tag = self.state.tag
        if asked is None or fault == "whole" or self.headers.get("If-Range", tag) != tag:
            return 0
        return int(asked.removeprefix("bytes=").rstrip("-")) - (fault == "shifted")

    def head(self, begin: int, length: int, kind: str) -> None:
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{length - 1}/{length}")
        self.send_header("Content-Type", kind)
        self.send_header("ETag", self.state.tag)
        self.send_header("Content-Length", str(length - begin))
        self.end_headers()

    def body(self, rest: bytes, fault: Fault | None) -> None:
        middle = len(rest) // 2
        if fault == "wrong byte":
            rest = rest[:middle] + bytes([rest[middle] ^ 1]) + rest[middle + 1 :]
        self.wfile.write(rest[:middle] if fault in {"cut", "stall"} else rest)
        self.wfile.flush()
        if fault == "stall":
            self.state.over.wait()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
