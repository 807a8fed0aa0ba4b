"""What was run, as the parameters say, and what datasets are called on pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from avrsp import datasets
from avrsp.evaluate.summary import MEAN, MOUSE
from avrsp.report.names import GENERATED, MEAN_TITLE


@dataclass(frozen=True, slots=True)
class About:
    """What was run, as the parameters say, and from which commit the report was made.

    Attributes:
        preset: "sample" or "paper".
        fusion: How sound joins the picture.
        splits: Which splits were asked for.
        seed: Of everything that is drawn.
        protocol: By which scores were made.
        datasets: Which were to be scored.
        commit: That is checked out; empty outside git.
        code: Address of the repository; empty where git knows none.
    """

    preset: str
    fusion: str
    splits: tuple[int | str, ...]
    seed: int
    protocol: str
    datasets: tuple[str, ...]
    commit: str
    code: str = ""

    def title(self, dataset: str) -> str:
        """Return a dataset's name as people write it, which says whether it was generated."""
        if dataset == MEAN:
            return f"{MEAN_TITLE} {GENERATED}" if self.preset == "sample" else MEAN_TITLE
        return datasets.title(dataset, self.preset)

    def titles(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the names of several datasets."""
        return tuple(self.title(key) for key in keys)

    def clip(self, dataset: str, video: str) -> str:
        """Return what a video is called where it is shown."""
        return f"{self.title(dataset)}, {video}"

    def by_mouse(self, keys: Iterable[str]) -> str:
        """Name those of the datasets whose gaze was recorded by mouse; empty where there is none.

        What preset `sample` generates was recorded by nobody.
        """
        known = {*datasets.names()} if self.preset != "sample" else set()
        found = [key for key in keys if key in known and datasets.spec(key).gaze == "mouse"]
        return f"{MOUSE}{', '.join(self.titles(found))}." if found else ""

    @property
    def setting(self) -> str:
        """Say in a clause what was run."""
        several = "s" if len(self.splits) > 1 else ""
        splits = f"split{several} {', '.join(map(str, self.splits))}"
        data = " (generated videos)" if self.preset == "sample" else ""
        return f"Preset {self.preset}{data}, protocol {self.protocol}, {splits}"
