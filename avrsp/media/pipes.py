"""Run ffmpeg on files that nobody vouches for: no shell, no network, no playlist, no hang."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from avrsp.errors import RawDataError

STALL_SECONDS = 60.0
"""How long ffmpeg may neither give nor take a byte before it is taken for hung."""

PIPE_BYTES = 1 << 20
MOST_PIXELS = 1 << 27
CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,asf,flv,live_flv,ogg,nut,mxf,gxf,dv,rm,wtv,nsv,nuv,"
    "ivf,obu,h264,hevc,m4v,h263,h261,vc1,mjpeg,yuv4mpegpipe,gif,apng,dirac,cavsvideo,swf,amv,"
    "smk,bink,fli,flic,film_cpk,roq,avr,viv,vivo,pva,mtv,ivr,r3d,dhav,kux,dxa,4xm,wc3movie"
)
"""Demuxers that hold their own media; those that open other files (hls, dash, concat) are absent.

A playlist can make ffmpeg read any local file, whatever its own name ends in.
"""

GUARDS = {"protocol_whitelist": "file,pipe", "format_whitelist": CONTAINERS}


def address(path: Path) -> str:
    """Return `path` as a URL in which no character, leading dash or colon means anything else."""
    return f"file:{path.absolute()}"


@dataclass(slots=True)
class Run:
    """A running ffmpeg with its pipes.

    Attributes:
        process: The child; its standard output or input, where asked for, is a pipe.
        log: What it writes to standard error, in a nameless file so that it never blocks.
    """

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def read(self, size: int) -> bytearray:
        """Return the next `size` bytes of the output, fewer only at its end.

        Raises:
            RawDataError: Nothing came for `STALL_SECONDS`.
        """
        assert self.process.stdout is not None
        descriptor, buffer = self.process.stdout.fileno(), bytearray(size)
        rest = memoryview(buffer)
        while rest:
            self._await(descriptor, select.POLLIN)
            count = os.readv(descriptor, [rest])
            if not count:
                return buffer[: size - len(rest)]
            rest = rest[count:]
        return buffer

    def write(self, content: bytes | memoryview) -> None:
        """Send all of `content` to the input.

        Raises:
            RawDataError: ffmpeg took nothing for `STALL_SECONDS`.
            BrokenPipeError: ffmpeg has ended.
        """
        assert self.process.stdin is not None
        descriptor, rest = self.process.stdin.fileno(), memoryview(content)
        os.set_blocking(descriptor, False)
        while rest:
            self._await(descriptor, select.POLLOUT)
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(descriptor, rest) :]

    def finish(self, growing: Path | None = None) -> int:
        """Close the input, wait for the end and return the exit code.

        Raises:
            RawDataError: It takes `STALL_SECONDS`, and longer than the file `growing` grows.
        """
        if self.process.stdin is not None:
            self.process.stdin.close()
        before: object = None
        while True:
            try:
                return self.process.wait(STALL_SECONDS)
            except subprocess.TimeoutExpired:
                now = None if growing is None else (growing.stat().st_size, growing.stat().st_mtime)
                if now == before:
                    raise self._hung() from None
                before = now

    def said(self, start: int = 0) -> bytes:
        """Return what ffmpeg has logged so far, from byte `start` on."""
        size = os.fstat(self.log.fileno()).st_size
        # pread, since the child shares the file's position
        return os.pread(self.log.fileno(), size - start, start)

    def _await(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(STALL_SECONDS * 1000):
            raise self._hung()

    def _hung(self) -> RawDataError:
        return RawDataError(
            f"ffmpeg did nothing for {STALL_SECONDS:.0f} s and was stopped; "
            "re-encode the video, or leave it out"
        )


@contextlib.contextmanager
def running(command: Sequence[str], *, feed: bool = False) -> Iterator[Run]:
    """Start ffmpeg or ffprobe for the length of a `with` block; at its end no child is left.

    With `feed`, its standard input is a pipe; otherwise its standard output is.

    Raises:
        RawDataError: The program is not installed.
    """
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
                stderr=log,
                bufsize=0,
                pipesize=PIPE_BYTES,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        except FileNotFoundError:
            raise RawDataError(
                f"{command[0]}: not found on PATH; install it, for example: sudo apt install ffmpeg"
            ) from None
        try:
            yield Run(process, log)
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()


def complaint(log: bytes) -> str:
    """Return the first line that ffmpeg logged, which names the cause of those after it."""
    text = log.decode(errors="replace")
    line = next((line for line in text.splitlines() if line.strip()), "no reason given")
    if "not on whitelist" in line:
        return "neither a film container nor a video stream"
    cause = (line.rpartition(": ") if "file:" in line else line.rpartition("] "))[2]
    return "".join(char for char in cause if char.isprintable())[:160].strip()
