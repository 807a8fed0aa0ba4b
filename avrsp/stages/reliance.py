"""The stage `reliance`: whether the audio-visual models use the sound of the test videos."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from avrsp import forkserver

if __name__ == "__main__":  # its workers' process imports what follows while this one does
    forkserver.head_start(
        "avrsp.reliance.experiment", "avrsp.stages.networks", "avrsp.metrics.loops"
    )

from avrsp import files, params, paths
from avrsp.errors import exits_cleanly
from avrsp.evaluate.intervals import known
from avrsp.evaluate.score_table import write_frames
from avrsp.params import Params
from avrsp.params.runs import AUDIO_VISUAL, VISUAL, Kind, run_name
from avrsp.progress import timed
from avrsp.reliance.analysis import Rules, summarise_sounds
from avrsp.reliance.experiment import (
    NetworkPlaces,
    ReliancePlaces,
    measure,
    measure_alone,
    verdict,
)
from avrsp.reliance.statements import Measured, Statement, statements
from avrsp.reliance.truth import Split, read_truths
from avrsp.stages import absent, left_out
from avrsp.stages import videos as lists
from avrsp.stages.left_out import Step
from avrsp.stages.networks import networks, visual
from avrsp.stages.places import data_of, reports_of
from avrsp.store.manifest import Role


@exits_cleanly
@timed
def main() -> None:
    """Write `data/reliance/` and `reports/reliance.json`, and print the statements.

    With `--role validation` only print what can be said on validation videos, by which choices
    are made. With `--method NAME` try a compared method that takes sound, and write
    `data/methods/NAME/reliance/` and `reports/methods/reliance/NAME.json`.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong.
        StoreError: A store is missing, or a video could not be shown and that is not allowed.
        WeightsError: A model is missing or damaged.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.reliance")
    parser.add_argument("--role", choices=["test", "validation"], default="test")
    hearing = [name for name, each in networks().items() if each.kind == AUDIO_VISUAL]
    parser.add_argument("--method", choices=hearing)
    wanted = parser.parse_args()
    role, loaded = wanted.role, params.load(paths.params_file())
    evaluation, compute = loaded.evaluation, loaded.active.compute
    rules = Rules(evaluation.protocol, evaluation.resamples, loaded.seed, loaded.reliance.frames)
    places = places_of(loaded, wanted.method)
    out, summary = outs_of(wanted.method)
    name = wanted.method or AUDIO_VISUAL
    why = absent.reason(data_of(name) / "models" / run_name(name, loaded.splits[0]))
    if why:
        shutil.rmtree(out, ignore_errors=True)
        absent.write(why, [out, summary])
        return
    splits = splits_of(loaded, places, role)
    if role == "validation":
        found, faults = measure_alone(places, splits, compute, rules)
    else:
        shutil.rmtree(out, ignore_errors=True)
        found, faults = measure(places, splits, compute, rules, out)
    said = Said(statements(found, rules), verdict(found.sounds, rules))
    if role == "test":
        write_frames(out / "rows.parquet", found.sounds, by=("split", "dataset", "video"))
        content = content_of(found, said, faults, rules, loaded)
        files.write_json(summary, files.sealed(content))
    for fault in faults:
        sys.stderr.write(f"avrsp: {fault}\n")
    sys.stdout.write(f"{table(said.statements)}\n{said.sentence}\n")
    if role == "test":
        videos = [video for split in splits for video in split.videos]
        step: Step = "compared-reliance" if wanted.method else "reliance"
        left_out.note_damaged(loaded.preset, step, name, videos, faults)
    left_out.refuse_faults(faults, allowed=evaluation.allow_missing)


class Said(NamedTuple):
    """What the rows come to in words: the statements, and whether sound is used at all."""

    statements: list[Statement]
    sentence: str


def content_of(
    found: Measured, said: Said, faults: list[str], rules: Rules, loaded: Params
) -> dict[str, Any]:
    """Return what the rows come to, as the report reads it."""
    return {
        "preset": loaded.preset,
        "protocol": rules.protocol,
        "splits": [*loaded.splits],
        "frames": rules.frames,
        "sentence": said.sentence,
        "statements": [each.as_json() for each in said.statements],
        "groups": summarise_sounds(found.sounds, rules),
        "changes": [
            {**each._asdict(), "frames": known(each.frames), "seconds": known(each.seconds)}
            for each in found.pursuits
        ],
        "faults": faults,
    }


def places_of(loaded: Params, method: str | None = None) -> ReliancePlaces:
    """Return where the chain of the chosen preset keeps what is read, or that of a method."""
    pair: Mapping[Kind, str] = {VISUAL: VISUAL, AUDIO_VISUAL: AUDIO_VISUAL}
    if method is not None:
        pair = {VISUAL: visual(networks()[method]).name, AUDIO_VISUAL: method}
    return ReliancePlaces(
        stores=paths.current().stores(loaded.preset),
        networks={kind: NetworkPlaces(name, data_of(name)) for kind, name in pair.items()},
        references=NetworkPlaces("references", data_of("references")),
        world=paths.current().raw(loaded.preset) / "world",
    )


def outs_of(method: str | None) -> tuple[Path, Path]:
    """Return the folder of the rows and the file of the summary."""
    if method is None:
        here = paths.workspace()
        return here / "data" / "reliance", here / "reports" / "reliance.json"
    return data_of(method) / "reliance", reports_of(method) / "reliance" / f"{method}.json"


def splits_of(loaded: Params, places: ReliancePlaces, role: Role) -> list[Split]:
    """Return the videos of every split that is run, with what the world knows of them.

    Raises:
        StoreError: A list is missing, or a store is missing or not the listed one.
    """
    kind = lists.TEST if role == "test" else lists.LEARN
    datasets = sorted(loaded.audio_visual_sets)
    found = []
    for number in loaded.splits:
        listed, _ = lists.read(lists.of_split(kind, number), loaded)
        videos = listed.videos(datasets, number, role)
        keys = [(video.dataset, video.video) for video in videos]
        found.append(Split(number, videos, read_truths(places.world, datasets, keys)))
    return found


def table(said: Sequence[Statement]) -> str:
    """Return the statements as lines of text."""
    lines = []
    for each in said:
        held = {True: "held", False: "NOT HELD", None: "-"}[each.held]
        lines.append(
            f"{held:<9}{each.clips:<18} {each.text}: {each.measured}, n = {each.count} ({each.bar})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
