"""Tables of measured numbers for the pages, from files of results.

A page marks where a table stands: `<!-- numbers: NAME -->` before it, `<!-- end -->` behind it.
`reports/reference` holds the runs of the sample, `docs/measured.tsv` everything else.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from avrsp.files import unsealed
from avrsp.report import fusion_claim, reference_run

ROOT: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = ROOT / "reports" / "reference"
MEASURED: Final = ROOT / "docs" / "measured.tsv"
REGION: Final = re.compile(r"(<!-- numbers: ([\w ,-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

OVERVIEW: Final = {
    "SIM": ("sim", 3),
    "CC": ("cc", 3),
    "NSS": ("nss", 2),
    "AUC-J": ("auc_judd", 3),
}
SHORT: Final = ("AVRSP(V)", "AVRSP(AV)", "centre prior")
"""Methods that the README names."""

SOUND: Final = {
    "sounding: AV minus V": "sounding: CC of AV minus CC of V",
    "its sound minus another clip's": "sounding: CC of AV with its sound minus with another "
    "video's",
    "follows a change after, s": "sounding: seconds until the map's peak is on the object that "
    "begins to sound, median",
    "music: AV minus V": "music: CC of AV minus CC of V",
    "silent: AV minus V": "silent: CC of AV minus CC of V",
}


def filled(text: str) -> str:
    """Return a page with its tables of numbers written anew."""
    return REGION.sub(lambda found: f"{found[1]}\n{_table(found[2])}\n\n{found[3]}", text)


def _table(name: str) -> str:
    chosen: dict[str, Callable[[], str]] = {
        "overview": _overview,
        "overview in short": _short,
        "sound by run": _sound,
        "bounds": _bounds,
        "spread": _spread,
        "fusions": _fusions,
        "spread of fusions": _fusion_spread,
        "each sound": _each_sound,
    }
    return chosen[name]() if name in chosen else _measured(name)


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = [*head]
    lines = [titles, ["---"] * len(titles), *([*row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _last_run() -> list[dict[str, str]]:
    """Return this run's rows of the table of means in the reference."""
    with (REFERENCE / "tables" / "overview.csv").open(encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if "this run" in row.values()]


def _overview() -> str:
    """Return the means over the generated sets in the last run of the reference."""
    found = _last_run()
    run = reference_run.read_runs(REFERENCE)[-1][0]
    rows = ([row["method"], *(_with_interval(row, *each) for each in OVERVIEW.values())]
            for row in found)  # fmt: skip
    said = f"Seed {run.seed}, commit {run.commit}, {run.date}, {run.machine}."
    return f"{_rows(('mean of the six generated sets', *OVERVIEW), rows)}\n\n{said}"


def _short() -> str:
    """Return the mean CC of the models and the centre prior in the last run, in a sentence."""
    shown = {row["method"]: f"{float(row['mean_cc']):.3f}" for row in _last_run()}
    said = (f"{name} {value}" for name, value in shown.items() if name in SHORT)
    return f"CC on the generated videos: {', '.join(said)}."


def _with_interval(row: dict[str, str], metric: str, digits: int) -> str:
    value, low, high = (row[f"mean_{metric}{end}"] for end in ("", "_low", "_high"))
    ends = f" ({float(low):.{digits}f} to {float(high):.{digits}f})" if low else ""
    return f"{float(value):.{digits}f}{ends}"


def _sound() -> str:
    """Return what sound is worth, a line for each run that was noted."""
    rows = (
        [run.seed, run.commit, run.date, run.machine,
         *(f"{values[name]:.3f}" if name in values else "-" for name in SOUND.values())]
        for run, values in reference_run.read_runs(REFERENCE)
    )  # fmt: skip
    return _rows(("seed", "commit", "date", "machine", *SOUND), rows)


def _each_sound() -> str:
    """Return the CC with each sound, by kind of clip, in the last run of the reference."""
    text = (REFERENCE / "tables" / "reliance.md").read_text(encoding="utf-8")
    _, _, below = text.partition("### CC with each sound\n\n")
    head, rule, *rows = below.partition("\n\n")[0].splitlines()
    return "\n".join([head, rule, *(row for row in rows if row.startswith("| clips:"))])


def _spread() -> str:
    """Return how numbers of the latest commit with most seeds scatter over them."""
    by_setting: dict[tuple[str, str], dict[str, Mapping[str, float]]] = {}
    for run, values in reference_run.read_runs(REFERENCE):
        by_setting.setdefault((run.commit, run.machine), {})[run.seed] = values
    latest_first = reversed(by_setting.items())
    (commit, machine), runs = max(latest_first, key=lambda each: len(each[1]))
    names = [*SOUND.values(), "V: CC, mean of the sets", "AV: CC, mean of the sets"]
    rows = []
    for name in names:
        found = [values[name] for values in runs.values() if name in values]
        several = len(found) > 1
        deviation = f"{stdev(found):.3f}" if several else "-"
        ends = f"{min(found):.3f} to {max(found):.3f}" if several else "-"
        rows.append([name, str(len(found)), f"{mean(found):.3f}", deviation, ends])
    heads = ("number", "seeds", "mean", "deviation", "least to greatest")
    return f"{_rows(heads, rows)}\n\nCommit {commit}, {machine}, seeds {', '.join(runs)}."


def _fusions() -> str:
    """Return what was kept of the comparisons of fusions: each world's paragraph and measures."""
    return _each_world(_claim)


def _fusion_spread() -> str:
    """Return the headline's numbers by seed in the worlds in which fusions were compared."""
    return _each_world(_headline)


def _each_world(told: Callable[[Mapping[str, Any]], str]) -> str:
    kept = sorted((REFERENCE / "fusions").glob("*/results.json"))
    parts = [told({"folder": path.parent.name, **unsealed(path.read_bytes())}) for path in kept]
    return "\n\n".join(parts) or "No comparison has been kept yet."


def _claim(found: Mapping[str, Any]) -> str:
    measures = (
        [each["measure"], *(f"{value:.3f}" for value in _by_seed(each["auc"], found)),
         "yes" if each["separates"] else "no"]
        for each in found["separations"]
        if each["fusion"] == "ravf"
    )  # fmt: skip
    name, seeds = found["folder"], [f"seed {seed}" for seed in found["seeds"]]
    rates = {tried["rate"] for each in found["trained"] for tried in each["tried"]}
    how = "each fusion with the best of" if len(rates) > 1 else "all fusions with the"
    how += (
        f" learning rate{'s' * (len(rates) > 1)} {', '.join(f'{each:g}' for each in sorted(rates))}"
    )
    others = [each for each in found["fusions"] if each != "ravf"]
    gaps = ([fusion_claim.IN_WORDS[outcome], *_gaps(found, outcome, others)]
            for outcome in fusion_claim.STATED)  # fmt: skip
    return (
        f"**World `{found['world']['name']}`, {how}.** {found['paragraph']} Its files lie in "
        f"`reports/reference/fusions/{name}/`.\n\n"
        f"{_rows(('CC of RAVF minus that of', *others), gaps)}\n\n"
        f"{_rows(('AUC of RAVF by', *seeds, 'separates'), measures)}"
    )


def _gaps(found: Mapping[str, Any], outcome: str, others: Sequence[str]) -> Iterator[str]:
    """Yield RAVF's lead over each other fusion, with its 95 % interval and what that comes to."""
    own = {each["other"]: each for each in found["comparisons"] if each["outcome"] == outcome}
    for other in others:
        gap = own[other]
        if gap["ravf_is"] == "not compared":
            yield "-"
        else:
            ends = f"{gap['low']:+.3f} to {gap['high']:+.3f}"
            yield f"{gap['value']:+.3f} ({ends}) {gap['ravf_is']}"


def _headline(found: Mapping[str, Any]) -> str:
    spread = (
        [each["number"], *(f"{value:.3f}" for value in _by_seed(each["by_seed"], found)),
         *("-" if each[name] is None else f"{each[name]:.3f}" for name in ("mean", "deviation"))]
        for each in found["headline"]
    )  # fmt: skip
    name, seeds = found["folder"], [f"seed {seed}" for seed in found["seeds"]]
    return _rows((f"number in `{name}`", *seeds, "mean", "deviation"), spread)


def _by_seed(values: Mapping[str, float], found: Mapping[str, Any]) -> list[float]:
    return [values[str(seed)] for seed in found["seeds"]]


def _bounds() -> str:
    """Return between which values a number of another run agrees."""
    found = reference_run.compare(reference_run.read_runs(REFERENCE), {})
    rows = (
        [each.name, str(each.runs), f"{each.low:.3f} to {each.high:.3f}"]
        for each in found
        if each.low is not None
    )
    return _rows(("number", "runs", "agrees from ... to"), rows)


def _measured(section: str) -> str:
    """Return what was measured by hand or by a benchmark, with machine, date and commit."""
    with MEASURED.open(encoding="utf-8") as stream:
        found = [row for row in csv.DictReader(stream, delimiter="\t") if row["section"] == section]
    if not found:
        raise KeyError(f"{MEASURED.name} has nothing of {section}")
    head = ("measured", "value", "machine", "date", "commit", "by")
    rows = ([row["what"], row["value"], *(row[each] for each in ("machine", "date", "commit")),
             f"`{row['command']}`" if row["command"] else "a script that is not kept"]
            for row in found)  # fmt: skip
    return _rows(head, rows)
