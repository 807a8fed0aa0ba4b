"""Write the generated pages of docs/reference, and the tables of numbers, as `make docs` does.

The configuration comes from the typed parameters and params.yaml, the commands from click, the
tables of models and datasets from the registries, numbers from files of results (measured.py). A
test fails where a page is out of date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
import measured
import notebook_page
from pydantic import BaseModel

from avrsp import datasets, files, models, params
from avrsp.cli import commands
from avrsp.datasets import sheets
from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.evaluate.summary import LABELS, METRICS
from avrsp.models.registry import ModelSpec
from avrsp.params import Params
from avrsp.prediction.costs import count
from avrsp.store.ground_truth import EMPTY_RULE

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "docs" / "reference"
NOTE: Final = "<!-- Written by `make docs`; change the code, not this page. -->"
PRESETS: Final = ("sample", "paper")
BOUNDS: Final = {
    "exclusiveMinimum": ">",
    "minimum": ">=",
    "exclusiveMaximum": "<",
    "maximum": "<=",
    "multipleOf": "a multiple of",
}


def pages() -> dict[Path, str]:
    """Return the text of each generated page by its path."""
    found = {
        "configuration.md": configuration(),
        "commands.md": command_line(),
        "models.md": model_tables(),
        "datasets.md": dataset_tables(),
        "protocols.md": protocol_table(),
    }
    generated = {FOLDER / name: f"{NOTE}\n\n{text.strip()}\n" for name, text in found.items()}
    numbers = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    with_numbers = {path: measured.filled(path.read_text(encoding="utf-8")) for path in numbers}
    return {
        **with_numbers,
        notebook_page.TUTORIAL.with_suffix(".md"): notebook_page.tutorial(),
        **generated,
    }


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    titles = [*head]
    lines = [titles, ["---"] * len(titles), *([*row] for row in rows)]
    cells = ([cell.replace("|", r"\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def prose(text: str | None) -> str:
    """Return a docstring without its list of attributes; what is no HTML does not look like it."""
    plain = inspect.cleandoc(text or "").partition("\nAttributes:")[0].strip()
    return plain.replace("<", "&lt;").replace("\b\n", "")


def configuration() -> str:
    """Return the page of params.yaml."""
    values = params.read_yaml(ROOT / "params.yaml")
    schema = params.schema()
    stages = _stages()
    sections = [_INTRODUCTION, f"## Top level\n\n{prose(Params.__doc__)}"]
    fields = Params.model_fields
    plain = [name for name, field in fields.items() if not _is_section(field.annotation)]
    sections.append(
        table(
            ("key", "allowed", "shipped", "stages"),
            (
                (f"`{name}`", _allowed(schema["properties"][name], schema), _shown(values[name]),
                 _used(stages, name))
                for name in plain
            ),
        )
    )  # fmt: skip
    for name, field in fields.items():
        if _is_section(field.annotation) and name not in {"presets", "world"}:
            sections += _section(f"`{name}`", (name,), field.annotation, values[name], stages)
    sections.append(
        "## `presets`\n\nWhat differs between the presets; the values of both stand side by side."
    )
    preset: Any = params.sections.Preset
    for name, field in preset.model_fields.items():
        both = {each: values["presets"][each][name] for each in PRESETS}
        sections.append(f"### `presets.*.{name}`\n\n{prose(field.annotation.__doc__)}")
        keys = ("presets", "${preset}", name)
        sections.append(_leaves(field.annotation, keys, both, stages))
    world: Any = params.WorldParams
    sections += _section("`world`", ("world",), world, values["world"], stages)
    return "\n\n".join(sections)


_INTRODUCTION: Final = """# Configuration

Every number of an experiment stands in `params.yaml`. Every key is required, and unknown keys are
refused in one line that says what is allowed. `dvc exp run -S KEY=VALUE` changes a key for one
experiment. Editors check the file by `params.schema.json`.

The last column names the DVC stages whose result depends on a key: they run again when it changes.
A dash means that no result depends on it."""


def _section(
    title: str,
    keys: tuple[str, ...],
    section: Any,  # noqa: ANN401 - a class of pydantic
    values: Mapping[str, Any],
    stages: Mapping[str, list[str]],
) -> Iterator[str]:
    yield f"## {title}\n\n{prose(section.__doc__)}"
    yield _leaves(section, keys, {"shipped": values}, stages)
    for name, field in section.model_fields.items():
        if _is_section(field.annotation):
            inner: Any = field.annotation
            yield f"### `{'.'.join((*keys, name))}`\n\n{prose(inner.__doc__)}"
            yield _leaves(inner, (*keys, name), {"shipped": values[name]}, stages)


def _leaves(
    section: Any,  # noqa: ANN401 - a class of pydantic
    keys: tuple[str, ...],
    values: Mapping[str, Mapping[str, Any]],
    stages: Mapping[str, list[str]],
) -> str:
    schema = section.model_json_schema()
    rows = []
    for name, field in section.model_fields.items():
        if not _is_section(field.annotation):
            allowed = _allowed(schema["properties"][name], schema)
            shipped = [
                _shown(each[name]) if name in each else "not set" for each in values.values()
            ]
            rows.append((f"`{name}`", allowed, *shipped, _used(stages, ".".join((*keys, name)))))
    return table(("key", "allowed", *values, "stages"), rows)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return f"`{str(value).lower()}`" if value is not None else "`null`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _allowed(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Say in words what a part of a JSON Schema allows."""
    if "$ref" in part:
        return _allowed(schema["$defs"][part["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in part:
        return " or ".join(_allowed(each, schema) for each in part["anyOf"])
    if "const" in part or "enum" in part:
        return ", ".join(f"`{each}`" for each in part.get("enum", [part.get("const")]))
    if part.get("type") == "array":
        items = part.get("items") or part["prefixItems"][0]
        pair = f"{part['minItems']} of: " if "prefixItems" in part else "a list of: "
        return pair + _allowed(items, schema)
    if part.get("type") == "object":
        return "a mapping of names to: " + _allowed(part["additionalProperties"], schema)
    words = {"null": "`null`", "string": "text", "boolean": "`true`, `false`"}
    kind = str(part.get("type"))
    limits = ", ".join(f"{sign} {part[key]}" for key, sign in BOUNDS.items() if key in part)
    return " ".join(each for each in (words.get(kind, kind), limits) if each)


def _stages() -> dict[str, list[str]]:
    """Return the parameters of each stage of dvc.yaml."""
    chain = params.read_yaml(ROOT / "dvc.yaml")["stages"]
    return {
        name: [each for each in stage.get("params", []) if isinstance(each, str)]
        for name, stage in chain.items()
    }


def _used(stages: Mapping[str, list[str]], key: str) -> str:
    def covers(listed: str) -> bool:
        return key == listed or key.startswith(f"{listed}.") or listed.startswith(f"{key}.")

    found = [name for name, listed in stages.items() if any(map(covers, listed))]
    return ", ".join(found) or "-"


def command_line() -> str:
    """Return the page of the command `avrsp`."""
    parts = [
        "# Commands\n\nThe command `avrsp` and what each of its subcommands takes. Errors that a "
        "user can act on end in one line and exit code 1; Ctrl-C ends in exit code 130."
    ]
    for path, command in subcommands(commands):
        context = click.Context(command, info_name=" ".join(path))
        usage = " ".join(command.collect_usage_pieces(context))
        parts.append(f"## {' '.join(path)}\n\n```text\n{' '.join(path)} {usage}\n```")
        parts.append(prose(command.help))
        parts += [
            f"`{each.human_readable_name}` is one of {_quoted(each.type.choices)}."
            for each in command.params
            if isinstance(each, click.Argument) and isinstance(each.type, click.Choice)
        ]
        options = [each for each in command.params if isinstance(each, click.Option)]
        if options:
            parts.append(table(("option", "takes", "default", ""), map(_option, options)))
    return "\n\n".join(parts)


def subcommands(
    group: click.Group, above: tuple[str, ...] = ("avrsp",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below a group with the words that start it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from subcommands(command, (*above, name))
        else:
            yield (*above, name), command


def _option(option: click.Option) -> tuple[str, str, str, str]:
    names = ", ".join(f"`{each}`" for each in (*option.opts, *option.secondary_opts))
    if option.is_flag:
        takes = ""
    elif isinstance(option.type, click.Choice):
        takes = ", ".join(f"`{each}`" for each in option.type.choices)
    else:
        takes = f"`{option.metavar or option.type.name}`"
    default = "" if _unset(option) else f"`{option.default}`"
    required = "Required. " if option.required else ""
    return names, takes, default, required + " ".join(prose(option.help).split())


def _unset(option: click.Option) -> bool:
    plain = isinstance(option.default, str | int | float)
    return not plain or (option.is_flag and not option.secondary_opts)


def model_tables() -> str:
    """Return the page of the registry of models."""
    entries = [models.spec(name) for name in models.names()]
    head = (
        "model", "method", "variant", "sound", "million parameters", "GMACs a window", "a frame",
        "engine", "licence",
    )  # fmt: skip
    parts = [
        "# Registry of models\n\nOne row for each network of an entry of `avrsp.models`. "
        "Parameters and 10^9 multiply-accumulates are counted at the published size: of one window "
        "with its sound, and of one more frame of a video, for which networks that share windows "
        "or carry a state need less. Convolutions and matrix products count.",
        table(head, (row for each in entries for row in _variants(each))),
    ]
    for each in entries:
        parts += _settings(each)
        parts += [
            f"Starts from {part.title} ({_quoted(part.formats)}): {part.place}."
            for part in each.encoders
        ]
        parts += _training(each)
        published = (
            (
                f"`{one.file}`",
                f"`{one.variant}`",
                ", ".join(one.learnt_from),
                one.licence,
                one.place,
            )
            for one in each.checkpoints
        )
        if each.checkpoints:
            titles = ("published weights", "variant", "trained on", "licence", "where")
            parts.append(table(titles, published))
    return "\n\n".join(parts)


def _variants(entry: ModelSpec) -> Iterator[tuple[str, ...]]:
    for name, form in entry.variants.items():
        cost = form.cost or count(entry, form.settings)
        counts = f"{cost.parameters / 1e6:.1f}", f"{cost.window / 1e9:.1f}"
        sound = "yes" if entry.input(form.settings).audio else "no"
        yield (
            f"`{entry.name}`", entry.title, f"`{name}`", sound, *counts, f"{cost.frame / 1e9:.1f}",
            entry.engine, entry.licence,
        )  # fmt: skip


def _settings(entry: ModelSpec) -> Iterator[str]:
    yield f"## `{entry.name}`\n\n{entry.title}: {entry.citation.rstrip('.')}."
    schema = entry.settings.model_json_schema()
    rows = (
        (f"`{name}`", _allowed(part, schema), _shown(part.get("default")))
        for name, part in schema.get("properties", {}).items()
    )
    yield table(("setting", "allowed", "default"), rows)


def _training(entry: ModelSpec) -> Iterator[str]:
    """Yield how each network of an entry is trained, and what preset `sample` scales."""
    own = entry.recipe_for(audio=True)
    kinds = {"V": entry.recipe} if own is entry.recipe else {"V": entry.recipe, "AV": own}
    for kind, recipe in kinds.items():
        if not recipe.paper:
            continue
        phases = recipe.paper.values()
        names = dict.fromkeys(name for numbers in (*phases, recipe.sample) for name in numbers)
        rows = (
            (
                f"`{name}`",
                *(_shown(numbers.get(name)) for numbers in phases),
                _shown(recipe.sample[name]) if name in recipe.sample else "as `params.yaml` says",
            )
            for name in names
        )
        options = ", ".join(f"{name} {value:g}" for name, value in recipe.options.items())
        optimiser = f"{recipe.optimiser.upper()}{f' ({options})' if options else ''}"
        start = f"; starts from {recipe.start}" if recipe.start else ""
        yield f"Training{'' if len(kinds) == 1 else f' of {kind}'}: {optimiser}{start}."
        yield table(("number", *(f"{phase}, preset `paper`" for phase in recipe.paper),
                     "preset `sample`"), rows)  # fmt: skip


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def dataset_tables() -> str:
    """Return the page of the registry of datasets."""
    parts = [
        "# Registry of datasets\n\nOne row for each entry of `avrsp.datasets`. Videos are those of "
        "the sheets in `data/sheets`; a set without a sheet lists its own videos once it is there."
    ]
    entries = [datasets.spec(key) for key in datasets.names()]
    rows = (
        (f"`{each.key}`", each.title, _videos(each), "yes" if each.viewers_heard_sound else "no",
         each.gaze, ", ".join(each.splits), f"`{each.protocol}`", each.licence)
        for each in entries
    )  # fmt: skip
    head = ("key", "title", "videos", "sound heard", "gaze by", "splits", "protocol", "licence")
    parts.append(table(head, rows))
    for each in entries:
        parts.append(f"## `{each.key}`\n\n{each.citation}. Source: {each.source}.")
        if each.quirks:
            parts.append("\n".join(f"- {quirk[0].upper()}{quirk[1:]}." for quirk in each.quirks))
    return "\n\n".join(parts)


def protocol_table() -> str:
    """Return the page of the evaluation protocols' rules."""
    head = ("protocol", "after", "frames from", "constant map", "no map", "average", "metrics")
    rows = (
        (f"`{name}`", each.source, str(each.first_frame + 1), each.constant, each.missing,
         each.average, ", ".join(LABELS.get(key, key) for key in getattr(each, "metrics", METRICS)))
        for name, each in PROTOCOLS.items()
    )  # fmt: skip
    return (
        "# Table of protocols\n\nThe rules as they stand in `avrsp/evaluate/protocols.py`; "
        f"[Protocols](../protocols.md) explains them.\n\n{table(head, rows)}\n\n{EMPTY_RULE}"
    )


def _videos(entry: datasets.DatasetSpec) -> str:
    sheet = ROOT / "data" / "sheets" / f"{entry.key}.tsv"
    return str(len(sheets.read_sheet(sheet, entry.splits))) if sheet.is_file() else "-"


def main() -> None:
    """Write every page that is out of date; with --check only name them, and end with 1."""
    stale = {
        path: text
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    if sys.argv[1:] == ["--check"]:
        sys.exit(", ".join(path.name for path in stale) or 0)
    for path, text in stale.items():
        files.write_text(path, text)
    for path, content in notebook_page.tutorial_pictures().items():
        files.write_bytes(path, content)


if __name__ == "__main__":
    main()
