"""A trained network for other programs, as a PyTorch or an ONNX program, checked by its maps."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.errors import AvrspError, ParamsError
from avrsp.files import replacing
from avrsp.models import registry
from avrsp.models.saved import load_model
from avrsp.types import InputSpec

Form = Literal["torch", "onnx"]
NetworkInputs = tuple[Tensor, ...]

ENDINGS: Final[Mapping[Form, str]] = {"torch": ".pt2", "onnx": ".onnx"}
TOLERANCE: Final = 1e-4
"""By which the maps of the new network may differ from the old one's, of their largest value."""
SEEDS: Final = (1, 2)
"""Of the windows that are compared; the network is traced with the first of them. Their sounds are
noise with a deviation of 0.0002 and 0.00002, and the second window is shown once more, silent. Of
louder noise an untrained STAViS makes logits of thousands, whose rounding alone changes a map."""
FAINTEST: Final = 0.01
"""Largest value of a map below which differences are no longer divided by it."""


def export_network(folder: Path, form: Form, target: Path) -> float:
    """Write the network of a model folder to `target`, and return how far its maps are off.

    The file appears only once the network in it has been run and its maps have been compared; what
    is returned is the largest difference, divided by the map's largest value.

    Raises:
        WeightsError: The folder holds no whole model.
        ParamsError: ONNX is not installed.
        AvrspError: The network cannot be written in this form, or its maps are others.
    """
    network, spec, config = load_model(folder)
    windows = [example(spec, seed) for seed in SEEDS]
    windows += [(*each[:-1], ~each[-1]) for each in windows[1:] if spec.audio]
    write, opened = WRITERS[form], READERS[form]
    with torch.no_grad(), replacing(target) as temporary, _quiet():
        if form == "onnx":
            _check_installed()
        write(torch.export.export(network, windows[0]), temporary)
        run = opened(temporary)
        off = max(apart(run(each), network(*each).numpy()) for each in windows)
        if not off <= TOLERANCE:
            why = registry.spec(config.model).rounding
            raise AvrspError(
                f"{folder}: the maps of the exported network are off by {off:.1g} of their largest "
                f"value, expected at most {TOLERANCE:g}{f' ({why})' if why else ''}; nothing is "
                f"written, use {'--to torch' if form == 'onnx' else 'the network as it is'}"
            )
    return off


def apart(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference of two maps, divided by the largest expected value.

    It is divided by `FAINTEST` at least: rounding moves tiny values by more than a part of them.
    """
    return float(np.abs(found - expected).max() / max(expected.max(), FAINTEST))


def example(spec: InputSpec, seed: int) -> NetworkInputs:
    """Return a random window for a network: frames and, where it takes it, sound."""
    draw = torch.Generator().manual_seed(seed)
    shape = (1, 3, spec.length, spec.height, spec.width)
    frames = torch.randint(0, 256, shape, generator=draw, dtype=torch.uint8)
    if not spec.audio:
        return (frames,)
    sound = 2e-3 * 10.0**-seed * torch.randn(1, 1, spec.samples, generator=draw)
    return frames, sound.clamp(-1, 1), torch.tensor([True])


def _write_torch(program: torch.export.ExportedProgram, path: Path) -> None:
    torch.export.save(program, path)


def _write_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    made = torch.onnx.export(program, dynamo=True, verbose=False)
    assert made is not None
    made.save(path, external_data=False)


def _check_installed() -> None:
    for name in ("onnx", "onnxruntime", "onnxscript"):
        if find_spec(name) is None:
            raise ParamsError(
                f"--to onnx: {name} is not installed; run: pip install 'avrsp[export]'"
            )


def _open_torch(path: Path) -> Callable[[NetworkInputs], NDArray[np.float32]]:
    network = torch.export.load(path).module()
    return lambda window: network(*window).numpy()


def _open_onnx(path: Path) -> Callable[[NetworkInputs], NDArray[np.float32]]:
    onnxruntime = import_module("onnxruntime")  # an extra

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(window: NetworkInputs) -> NDArray[np.float32]:
        given = {name: each.numpy() for name, each in zip(names, window, strict=True)}
        maps: NDArray[np.float32] = session.run(None, given)[0]
        return maps

    return run


WRITERS: Final[Mapping[Form, Callable[[torch.export.ExportedProgram, Path], None]]] = {
    "torch": _write_torch,
    "onnx": _write_onnx,
}
READERS: Final[Mapping[Form, Callable[[Path], Callable[[NetworkInputs], NDArray[Any]]]]] = {
    "torch": _open_torch,
    "onnx": _open_onnx,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' own remarks, which are for developers, away from a person."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
