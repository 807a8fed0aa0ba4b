"""Windows that move over frames in one direction, predicted block after block.

It works for any network that is `types.SharesWindows`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from avrsp.compute import autocasting
from avrsp.models.layers.aspp import LIP
from avrsp.models.layers.conv import ConvNorm, MaxPool
from avrsp.models.layers.s3d import Mixed
from avrsp.models.layers.soundnet import SoundNet
from avrsp.prediction.shared_activations import (
    BlockActivations,
    Kernel,
    PositionLayout,
    SharedCache,
    gathered,
)
from avrsp.prediction.sliding_layers import (
    Convolution,
    InFrame,
    InSpace,
    Maximum,
    Peaks,
    SlidingLayer,
    Weighed,
)
from avrsp.prediction.speed import Speed, worth_compiling
from avrsp.prediction.window_by_window import (
    Frames,
    Image,
    NumberedMaps,
    Window,
    WindowSound,
    on_device,
)
from avrsp.types import SharesWindows


class Prepared:
    """A network as it runs here, made ready once for many videos.

    Attributes:
        network: Its fused copy.
        dtype: Of its convolutions.
        speed: Where and how it runs.

    Raises:
        TypeError: The network is not `SharesWindows`.
    """

    def __init__(self, model: nn.Module, speed: Speed) -> None:
        self.dtype = torch.bfloat16 if speed.precision == "bf16" else torch.float32
        network = fused(model, self.dtype)
        if not isinstance(network, SharesWindows):
            raise TypeError(f"{type(model).__name__} does not say what its windows share")
        self.network: SharesWindows = network
        self.speed = speed

    @cached_property
    def compiled(self) -> Callable[..., Tensor]:
        """What follows the necks, compiled for blocks of one size."""
        compiled: Callable[..., Tensor] = torch.compile(self.network.from_pyramid, dynamic=False)
        return compiled


@dataclass(frozen=True, slots=True)
class Task:
    """A video's facts.

    Attributes:
        sound: What goes with its windows.
        length: T, frames of a window.
        stride: Frames from one window to the next.
        expected: About how many frames will come; None where unknown.
    """

    sound: WindowSound
    length: int
    stride: int = 1
    expected: int | None = None


class Slide:
    """One pass over the frames of a video."""

    def __init__(self, prepared: Prepared, task: Task) -> None:
        network, self.speed, self.dtype = prepared.network, prepared.speed, prepared.dtype
        self.sound, self.stride = task.sound, task.stride
        self.sliding = Sliding(network.stages, network.necks, task.length, task.stride)
        self.normalised = network.normalised
        self.any_block = self.whole_block = network.from_pyramid
        if worth_compiling(self.speed.device, task.expected):
            self.whole_block = prepared.compiled

    def over(self, frames: Iterator[Image], warm: int, shown: Iterator[Window]) -> NumberedMaps:
        """Predict each of the windows `shown`; the first `warm` frames precede every end."""
        windows = self.speed.windows
        while warm > 0 and (fresh := [*islice(frames, min(windows, warm))]):
            self.warm(fresh)
            warm -= len(fresh)
        while count := len(fresh := [*islice(frames, windows * self.stride)]) // self.stride:
            chosen = [*islice(shown, count)]
            maps = self.predicted(fresh, chosen)
            yield from zip((int(window[-1]) for window in chosen), maps, strict=True)

    @torch.inference_mode()
    def warm(self, frames: Frames) -> None:
        """Take frames that come before the end of any window."""
        self.sliding.warm(self._taken(frames))

    @torch.inference_mode()
    def predicted(self, frames: Frames, shown: list[Window]) -> NDArray[np.float32]:
        """Return the maps B x H x W of the windows that end at every `stride`-th of the frames."""
        pyramid = self.sliding.pyramid(self._taken(frames))
        sound = self.sound.of(shown, self.speed.device)
        # a compiled graph is for one size: another would be compiled again
        whole = len(shown) == self.speed.windows
        network = self.whole_block if whole else self.any_block
        with autocasting(self.speed.device, self.speed.precision):
            maps: Tensor = network(pyramid, sound)
        found: NDArray[np.float32] = maps.float().cpu().numpy()
        return found

    def _taken(self, frames: Frames) -> Tensor:
        clip = self.normalised(on_device(frames, self.speed.device)[None])
        return clip[0].to(self.dtype).transpose(0, 1)  # c f h w -> f c h w


ONE: Final = Kernel(1)


class Chain(SlidingLayer):
    """Steps one after the other."""

    def __init__(self, steps: list[SlidingLayer], layout: PositionLayout) -> None:
        self.steps = steps
        self.layout = steps[-1].layout if steps else layout

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Apply them; nothing is left to do where nothing is shared and no window ends."""
        for step in self.steps:
            if not len(block.x):
                break
            block = step(block)
        return block


class Joined(SlidingLayer):
    """A mixed block: the branches' outputs side by side in C, all in the widest layout."""

    def __init__(self, block: Mixed, layout: PositionLayout) -> None:
        branches = [Chain(list(steps(branch, layout)), layout) for branch in block.branches]
        self.layout = max((each.layout for each in branches), key=lambda each: len(each.own))
        self.branches = [
            Chain([branch, Maximum(ONE, branch.layout, self.layout)], layout)
            if branch.layout != self.layout
            else branch
            for branch in branches
        ]

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Join the branches."""
        joined = torch.cat([branch(block).x for branch in self.branches], dim=-1)
        return block.followed_by(joined, self.layout)


class Neck(SlidingLayer):
    """ASPP and LIP of one scale, or nothing, and whole windows at the end."""

    def __init__(self, neck: nn.Module | None, layout: PositionLayout) -> None:
        aspp, lip = (None, None) if neck is None else neck.children()
        self.reduce = None if aspp is None else InFrame(aspp, layout)
        self.logit = lip.logit if isinstance(lip, LIP) else None
        window = lip.window if isinstance(lip, LIP) else 1
        self.pool = Weighed(Kernel(window, window), layout)
        self.layout = self.pool.layout
        self.cache = SharedCache(self.layout)

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Return the pooled positions."""
        block = self.reduce(block) if self.reduce else block
        if self.logit is None:
            return block
        logits = F.linear(block.x, self.logit.weight.flatten(1))
        return self.pool(block.followed_by(torch.cat([block.x, logits], dim=-1)))

    def windows(self, block: BlockActivations) -> Tensor:
        """Return the pooled feature of each window, N x C x T x H x W."""
        return gathered(self(block), self.cache)


def steps(module: nn.Module, layout: PositionLayout) -> Iterator[SlidingLayer]:
    """Yield the steps of an encoder's part whose batch normalisation has been folded.

    Raises:
        TypeError: It has a layer of another kind.
    """
    match module:
        case Mixed():
            yield Joined(module, layout)
        case ConvNorm():
            conv = module.conv
            yield Convolution(conv, layout) if conv.kernel_size[0] > 1 else InSpace(conv, layout)
        case MaxPool():
            stride, jump = module.stride
            yield Peaks(module.space, jump, layout)
            if module.time > 1:
                margin = module.time // 2 if module.time % 2 else 0
                yield Maximum(Kernel(module.time, stride, margin), layout)
        case nn.Sequential():
            for part in module:
                for step in steps(part, layout):
                    yield step
                    layout = step.layout
        case _:
            raise TypeError(f"{type(module).__name__} has no windowed form")


class Sliding:
    """The stages and their necks, fed block after block.

    Attributes:
        length: T of a window.
        stride: Frames from one window to the next.
    """

    def __init__(
        self,
        stages: nn.ModuleList,
        necks: Sequence[nn.Module | None],
        length: int,
        stride: int,
    ) -> None:
        self.stride = stride
        self.frames = PositionLayout(length, 0, 0, 1)
        self.stages: list[Chain] = []
        layout = self.frames
        for stage in stages:
            self.stages.append(Chain(list(steps(stage, layout)), layout))
            layout = self.stages[-1].layout
        self.necks = [
            Neck(part, stage.layout) for part, stage in zip(necks, self.stages, strict=True)
        ]

    def warm(self, frames: Tensor) -> None:
        """Take frames, N x 3 x H x W, that precede every window's end."""
        self._pyramid(frames, 0)

    def pyramid(self, frames: Tensor) -> list[Tensor]:
        """Return the neck's features, coarse to fine, of the windows that end in a block.

        A window ends at every `stride`-th of the frames, N x 3 x H x W.
        """
        return self._pyramid(frames, len(frames) // self.stride)

    def _pyramid(self, frames: Tensor, windows: int) -> list[Tensor]:
        rows = frames.permute(0, 2, 3, 1).contiguous()  # f c h w -> f h w c
        block = BlockActivations(rows, self.frames, len(frames), windows, self.stride)
        features = []
        for stage, neck in zip(self.stages, self.necks, strict=True):
            block = stage(block)
            if not len(block.x):
                break
            features.append(neck.windows(block))
        return features[::-1]


def fused(model: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Return a copy in evaluation mode whose convolutions normalise by their own weights.

    In other words y = W x and z = (y - mean) * gain + shift become one convolution, which changes
    a map by rounding alone. The weights of convolutions over clips are of `dtype`, so that
    autocasting need not convert them each time.
    """
    network = copy.deepcopy(model).eval()
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.add_module("conv", fuse_conv_bn_eval(module.conv, module.norm))
            module.add_module("norm", nn.Identity())
        elif isinstance(module, SoundNet):
            for block in module.layers:
                _fuse_sequential(block)
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.to(dtype)
    return network.requires_grad_(requires_grad=False)


def _fuse_sequential(block: nn.Module) -> None:
    conv, norm = block.get_submodule("0"), block.get_submodule("1")
    assert isinstance(conv, nn.Conv1d)
    assert isinstance(norm, nn.BatchNorm1d)
    block.add_module("0", fuse_conv_bn_eval(conv, norm))
    block.add_module("1", nn.Identity())
