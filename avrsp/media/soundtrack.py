"""The sound of a video, decoded as far as it is asked for and kept in a file, not in memory."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import weakref
from pathlib import Path
from typing import Final

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from avrsp.media.pipes import (
    LONGEST_BACK,
    Run,
    clocked,
    command,
    complaint,
    running,
    source,
)
from avrsp.media.probe import Track
from avrsp.media.sound import Resampler, Waveform
from avrsp.types import SOUND_RATE

BYTES: Final = 4
"""Of a float32 sample."""

PIECE: Final = 1 << 16
"""Samples of each channel that are decoded at a time."""

LONGEST: Final = 24 * 3600
"""Seconds of sound read at most, because a damaged time stamp can ask for years of silence."""

HARD_GAP: Final = 0.01
"""Seconds by which samples may be off their time before silence is put in, or some are left out."""

JUMP: Final = 10.0
"""Seconds without sound that cost neither time nor space: a clock that jumps leaves hours."""

MEND: Final = (
    "if(eq(N,0),st(1,max(T,0)));"
    "st(0,T-ld(1));"
    f"if(gt(N,0)*lt(ld(0),-{LONGEST_BACK}),st(2,ld(2)+ld(0)));"
    f"if(gt(ld(0),{JUMP}),print(ld(1)-ld(2),16);st(2,ld(2)+print(ld(0),16)));"
    "st(1,T+NB_SAMPLES/SR);"
    "PTS-ld(2)/TB"
)
"""Closes up long gaps, logs where they were and how long, and goes on where the clock is set back.

Its variables: 0 is the step from the end of the last piece, 1 that end, 2 what was taken away.
"""
BEGUN: Final = -1_000_000.0
"""Logged in the place of a gap, with the time of the first sample that then follows."""

TELL: Final = f"if(eq(N,0)*not(isnan(T)),print({BEGUN},16);print(T,16));PTS"
"""Logs when the sound begins; ffmpeg filters anew, and says so again, where its form changes."""

LOGGED: Final = re.compile(rb"^(?:\[Eval @ \w+\] )?\[error\] (-?\d+\.\d+)$", re.MULTILINE)

USUAL_RATE, USUAL_CHANNELS = 48_000, 2
"""What is asked for where the file does not say what its sound has."""


class Soundtrack:
    """The sound of a video from the time of its first frame on, mono float32 in [-1, 1].

    What comes before the first frame is left out; a sound that begins later is preceded by zeros,
    as are gaps in it. It is as long as it is in the file, whatever the file says of its duration.
    Gaps of more than `JUMP` seconds are holes of the file that keeps it.

    Attributes:
        begin: Seconds on the file's clock at which the first frame is shown; to be set before the
            first sample is asked for.
        complaint: Why no sound can be decoded; None while there is some, or nothing is known.
    """

    def __init__(
        self, track: Track | None, folder: Path | None = None, *, rate: int = SOUND_RATE
    ) -> None:
        self.begin = 0.0
        self.complaint: str | None = None
        self._track = track
        self._channels = (track and track.channels) or USUAL_CHANNELS
        self._native = (track and track.rate) or USUAL_RATE
        self._rate = rate
        self._resampler = Resampler(self._native, rate)
        self._closed_up = 0  # samples without the gaps
        self._said: list[float] = []  # seconds, in pairs as they are logged
        self._gaps: list[float] = []  # seconds: place in what is closed up, length; and so on
        self._lasting = 0.0  # seconds of all gaps
        self._before = 0.0  # the same, of those before the last change of the sound's form
        self._logged = 0
        self._begun = False
        self._decoded = 0
        self._ended = track is None
        self._run: Run | None = None
        self._stack = contextlib.ExitStack()
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the stack
        self._file = self._stack.enter_context(file)
        weakref.finalize(self, self._stack.close)

    @property
    def size(self) -> int:
        """How many samples are decoded, 0 only where there is no sound at all."""
        self._decode_up_to(1)
        return self._decoded

    def __getitem__(self, span: slice) -> NDArray[np.float32]:
        """Return the samples of `span`, which has no step, as far as there are any."""
        start, stop = span.start or 0, span.stop
        self._decode_up_to(stop)
        start, stop, _ = slice(start, stop).indices(self._decoded)
        count = max(0, stop - start)
        content = os.pread(self._file.fileno(), count * BYTES, start * BYTES)
        return np.frombuffer(content, np.float32)

    def close(self) -> None:
        """Stop decoding and give the space back."""
        self._stack.close()

    def _decode_up_to(self, stop: int | None) -> None:
        """Decode until there are `stop` samples, or to the end."""
        while not self._ended and (stop is None or self._decoded < stop):
            if self._run is None and self._track is not None:
                self._run = self._stack.enter_context(running(self._command(self._track)))
            assert self._run is not None
            size = PIECE * self._channels * BYTES
            content = self._run.read(size)
            self._ended = len(content) < size
            whole = len(content) // (self._channels * BYTES) * self._channels * BYTES
            samples = np.frombuffer(content[:whole], np.float32).reshape(-1, self._channels)
            self._keep(self._resampler.resampled(np.nan_to_num(samples), last=self._ended))
            if self._ended and not self._decoded:
                self._run.finish()
                self.complaint = complaint(self._run.said())

    def _keep(self, found: Waveform) -> None:
        """Write the next samples, of which ffmpeg left out long gaps, to where they belong."""
        self._read_log()
        # the end of the file, too, is logged as a gap where its time is wrong
        least = round(HARD_GAP * self._rate) if self._ended else 1
        while len(self._gaps) > 1:
            place, gap = (round(self._gaps[each] * self._rate) for each in range(2))
            before = max(place - self._closed_up, 0)
            if before + least > len(found):
                break
            self._write(found[:before])
            if self._decoded + gap > LONGEST * self._rate:
                self._ended = True
                return
            self._decoded += gap
            found = found[before:]
            del self._gaps[:2]
        self._write(found)

    def _read_log(self) -> None:
        # a gap is logged before the samples behind it are written, so it is there by now
        assert self._run is not None
        log = self._run.said(self._logged)
        whole = log[: log.rfind(b"\n") + 1]
        self._logged += len(whole)
        self._said += map(float, LOGGED.findall(whole))
        while len(self._said) > 1:
            place, length = self._said[:2]
            del self._said[:2]
            if place == BEGUN:
                self._begin(length)
            else:
                self._gaps += (place - self._before, length)
                self._lasting += length

    def _begin(self, seconds: float) -> None:
        """Leave room before the first sample; what follows another form of sound follows it."""
        if not self._begun:
            self._lasting = max(seconds, 0.0)
            self._decoded = round(self._lasting * self._rate)
        self._begun, self._before = True, self._lasting

    def _write(self, samples: Waveform) -> None:
        self._file.seek(self._decoded * BYTES)
        self._file.write(samples.tobytes())
        self._file.flush()
        self._decoded += len(samples)
        self._closed_up += len(samples)

    def _command(self, track: Track) -> list[str]:
        begin, rate = self.begin, self._native
        filters = (
            f"asetpts=PTS-{begin:.6f}/TB,asetpts='{MEND}',atrim=start=0:end={LONGEST},"
            f"asetpts='{TELL}',aresample={rate}:async=1:min_hard_comp={HARD_GAP:.6f}"
        )
        file = source(track.path, sound=track.picture is None)
        outputs = file[str(track.stream)].output(
            "pipe:",
            af=filters,
            format="f32le",
            acodec="pcm_f32le",
            ac=self._channels,
            ar=rate,
        )
        if track.picture is not None:
            beside = clocked(file, track.picture, vcodec="copy")
            outputs = ffmpeg.merge_outputs(outputs, beside)
        return command(outputs)
