"""Run FFmpeg 5 to 9 on files that nobody vouches for: no shell, network, playlist or hang."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import ffmpeg

from avrsp.errors import RawDataError

STALL_SECONDS = 60.0
"""How long ffmpeg may neither give nor take a byte before it is taken for hung."""

LONGEST_BACK: Final = 1.0
"""Seconds by which times may go back; beyond that the clock itself was set back."""

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

SOUND_FILES = "wav,w64,flac,mp3,aac,aiff,ac3,caf,au,amr"
"""Demuxers of sound alone, which are no videos."""

FRAME_MODE = (57, 28)
"""Version of libavutil in FFmpeg 5.1, the first that knows -fps_mode; FFmpeg 9 has no -vsync."""


QUIET: Final = ("-hide_banner", "-nostdin", "-nostats")
ERRORS: Final = (*QUIET, "-loglevel", "level+error", "-y")
"""Options of every ffmpeg, so that it asks nothing and logs only what went wrong."""


def address(path: Path) -> str:
    """Return `path` as a URL in which no character, leading dash or colon means anything else."""
    return f"file:{path.absolute()}"


def quoted(path: Path) -> str:
    """Return the URL of `path` as ffmpeg-python takes it, which knows no bytes that are no text.

    `command` turns it back.
    """
    return address(path).encode("utf-8", "surrogatepass").decode("latin-1")


def guards(*, sound: bool = False) -> dict[str, str]:
    """Return the options by which an input is a video, with `sound` a sound file, and no list."""
    kinds = f"{CONTAINERS},{SOUND_FILES}" if sound else CONTAINERS
    return {"protocol_whitelist": "file,pipe", "format_whitelist": kinds}


def source(path: Path, *, sound: bool = False) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    """Return `path` as an input of ffmpeg that opens no other file and no huge picture.

    With `sound`, it may be a sound file.
    """
    return ffmpeg.input(quoted(path), max_pixels=MOST_PIXELS, **guards(sound=sound))


def clocked(file: Any, stream: int, **codec: str) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    """Return an output for a stream that nobody wants but for its clock.

    ffmpeg counts the time of MPEG-TS and MPEG-PS from the first of the streams that it reads, and
    mends jumps by them, so that whoever decodes picture or sound alone must read both.
    """
    return file[str(stream)].output("-", format="null", **codec)


def command(outputs: Any, options: Sequence[str] = ERRORS) -> list[str]:  # noqa: ANN401 - likewise
    """Return the arguments that start ffmpeg for `outputs`."""
    arguments: list[str] = outputs.global_args(*options).compile()
    return [each.encode("latin-1").decode("utf-8", "surrogatepass") for each in arguments]


def passthrough() -> dict[str, str]:
    """Return the option by which ffmpeg writes each frame once, whatever the times.

    Raises:
        RawDataError: ffmpeg is not installed.
    """
    return _passthrough(shutil.which("ffmpeg"))


@functools.cache
def _passthrough(program: str | None) -> dict[str, str]:
    with running([program or "ffmpeg", "-version"]) as run:
        said, _ = run.process.communicate()
    version = re.search(rb"libavutil +(\d+)\. *(\d+)", said)
    old = version is not None and tuple(map(int, version.groups())) < FRAME_MODE
    return {"vsync" if old else "fps_mode": "passthrough"}


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
        output, buffer = self.process.stdout.fileno(), bytearray(size)
        rest = memoryview(buffer)
        while rest:
            self._await(output, select.POLLIN)
            count = os.readv(output, [rest])
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
                return self.process.wait(self._awaited())
            except subprocess.TimeoutExpired:
                now = None if growing is None else (growing.stat().st_size, growing.stat().st_mtime)
                if now == before:
                    raise self._hung() from None
                before = now

    def _awaited(self) -> float:
        """Wait `STALL_SECONDS` for the end; return for how many more `Popen.wait` is to wait.

        By itself it looks every 50 ms only, which is as long as a short film takes.
        """
        try:
            descriptor = os.pidfd_open(self.process.pid)
        except (AttributeError, OSError):  # before Linux 5.3, or a Python that does not know of it
            return STALL_SECONDS
        try:
            ended = _ready(descriptor, select.POLLIN)
        finally:
            os.close(descriptor)
        return STALL_SECONDS if ended else 0

    def said(self, start: int = 0) -> bytes:
        """Return what ffmpeg has logged so far, from byte `start` on."""
        size = os.fstat(self.log.fileno()).st_size
        # pread, since the child shares the file's position
        return os.pread(self.log.fileno(), size - start, start)

    def _await(self, descriptor: int, event: int) -> None:
        """Wait until the descriptor is ready."""
        if not _ready(descriptor, event):
            raise self._hung()

    def _hung(self) -> RawDataError:
        return RawDataError(
            f"ffmpeg did nothing for {STALL_SECONDS:.0f} s and was stopped; "
            "re-encode the video, or leave it out"
        )


def _ready(descriptor: int, event: int) -> bool:
    """Wait `STALL_SECONDS` for an event, and say whether it came."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(STALL_SECONDS * 1000))


@contextlib.contextmanager
def running(command: Sequence[str], *, feed: bool = False) -> Iterator[Run]:
    """Start ffmpeg or ffprobe for the length of a `with` block; at its end no child is left.

    With `feed`, its standard input is a pipe; otherwise its standard output is.

    Raises:
        RawDataError: The program is not installed.
    """
    with tempfile.TemporaryFile() as log:
        process = _started(command, log, feed)
        try:
            yield Run(process, log)
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()


def _started(command: Sequence[str], log: IO[bytes], feed: bool) -> subprocess.Popen[bytes]:
    program = shutil.which(command[0])
    if program is None:
        raise RawDataError(
            f"{command[0]}: not found on PATH; install it, for example: sudo apt install ffmpeg"
        )
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
        stderr=log,
        bufsize=0,
        pipesize=PIPE_BYTES,
        start_new_session=True,  # Ctrl-C is ours to answer
    )


def complaint(log: bytes) -> str:
    """Return the first line that ffmpeg logged, which names the cause of those after it."""
    text = log.decode(errors="replace")
    line = next((line for line in text.splitlines() if line.strip()), "no reason given")
    if "not on whitelist" in line:
        return "neither a film container nor a video stream"
    cause = (line.rpartition(": ") if "file:" in line else line.rpartition("] "))[2]
    return "".join(char for char in cause if char.isprintable())[:160].strip()
