"""The processes that train one network together: who they are, and what they tell each other.

`torchrun` starts them and names each in its environment. Numbers and words are exchanged in the
main memory by gloo, gradients between GPUs by NCCL. The process alone exchanges nothing: there,
every function returns what it was given.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

from avrsp.compute import device_named
from avrsp.errors import ParamsError
from avrsp.train.sampling import Part
from avrsp.train.signals import Stopped


@dataclass(frozen=True, slots=True)
class Ranks:
    """All processes of one training, as one of them sees them: it is number `rank` of `count`."""

    rank: int = 0
    count: int = 1

    @property
    def main(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.rank == 0

    @property
    def part(self) -> Part:
        """What this process reads of each batch."""
        return Part(self.rank, self.count)

    def say(self, message: str) -> None:
        """Write a line to stderr, once for all processes."""
        if self.main:
            sys.stderr.write(f"{message}\n")

    def summed(self, values: Sequence[float]) -> list[float]:
        """Return the sums of `values` over all processes, to the same bits in each."""
        if self.count == 1:
            return [*values]
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return sums.tolist()

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; gradients flow through it."""
        if self.count == 1:
            return value
        found: Tensor = all_reduce(value)  # type: ignore[no-untyped-call]
        return found

    def gathered(self, text: str) -> list[str]:
        """Return the `text` of every process, in their order."""
        if self.count == 1:
            return [text]
        own = torch.tensor([*text.encode()], dtype=torch.uint8)
        lengths = self._all(torch.tensor([len(own)]))
        longest = max(int(length) for length in lengths)
        padded = self._all(torch.nn.functional.pad(own, (0, longest - len(own))))
        found = zip(padded, lengths, strict=True)
        return [bytes(each[: int(length)].tolist()).decode() for each, length in found]

    def _all(self, own: Tensor) -> list[Tensor]:
        found = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(found, own)
        return found

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Give `tensors` the values that they have in the main process."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def sharing(self, model: nn.Module) -> nn.Module:
        """Return `model`, called so that its gradients are averaged over all processes."""
        if self.count == 1:
            return model
        device = next(model.parameters()).device
        return DistributedDataParallel(model, [device] if device.type == "cuda" else None)

    def keeping(self, shared: nn.Module) -> AbstractContextManager[None]:
        """Keep the gradients of what `sharing` returned in this process for now."""
        if isinstance(shared, DistributedDataParallel):
            return shared.no_sync()
        return contextlib.nullcontext()


ALONE = Ranks()


_kept: list[object] = []
"""Groups, up to the end of the process. Were a network that DDP wraps the last to hold one, Gloo's
threads would be awaited under Python's lock, while one of them may wait for that lock to free what
it has just reduced: a deadlock, seen once."""


@contextlib.contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the processes that `torchrun` started, or be alone without it.

    Each takes the GPU of its number among those of its machine, where `device` names GPUs.

    Raises:
        ParamsError: There are more processes on this machine than GPUs.
    """
    ranks = Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    if ranks.count == 1:
        yield ALONE
        return
    chosen = device_named(device)
    if chosen.type == "cuda":
        _take_gpu(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo")
    _kept.append(dist.group.WORLD)
    try:
        with _leaving_together(ranks):
            yield ranks
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _leaving_together(ranks: Ranks) -> Iterator[None]:
    """Wait for the others at the end: a launcher ends all processes when the first one stops."""
    try:
        yield
    except Stopped:
        ranks.summed([0.0])
        raise
    ranks.summed([0.0])


def _take_gpu(number: int) -> None:
    present = torch.cuda.device_count()
    if number >= present:
        raise ParamsError(
            f"found process {number + 1} of this machine and {present} GPUs; expected at most one "
            f"process a GPU: torchrun --standalone --nproc-per-node {present} ..."
        )
    torch.cuda.set_device(number)
