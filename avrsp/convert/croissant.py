"""A description of the stores in Croissant, the vocabulary of MLCommons for datasets.

`croissant.json` lies beside the manifest. Tools such as `mlcroissant` read from it which files
there are, and a record for each video; licences and citations are those of the datasets' entries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from avrsp.datasets.dataset_registry import names, spec, title
from avrsp.files import sha256, write_json
from avrsp.store.manifest import Manifest

NAME: Final = "croissant.json"
VERSION: Final = "http://mlcommons.org/croissant/1.0"

TERMS: Final = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty"),
    *("fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField"),
    *("path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("separator", "source", "subField", "transform"),
)
"""Words of the vocabulary, all of which its standard context names."""

CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS},
}

GENERATED: Final = "AVRSP, generated videos with simulated viewers; CITATION.cff names the software"

FIELDS: Final = {
    "dataset": ("sc:Text", "Key of the dataset that the video is of"),
    "video": ("sc:Text", "Name in the dataset's list"),
    "kept": ("sc:Boolean", "Whether the video has a store"),
    "frames": ("sc:Integer", "Frames in the store"),
    "fps": ("sc:Float", "Frames a second"),
    "height": ("sc:Integer", "Rows of the ground truth in pixels"),
    "width": ("sc:Integer", "Columns of the ground truth in pixels"),
    "has_sound": ("sc:Boolean", "Whether the store has sound"),
    "digest": ("sc:Text", "SHA-256 of the store; empty where the video was set aside"),
}
"""What the manifest says of a video, with its type and meaning."""


def write(manifest_path: Path, manifest: Manifest) -> Path:
    """Write the description of a manifest's stores beside it, and return its path."""
    path = manifest_path.with_name(NAME)
    write_json(path, describe(manifest, sha256(manifest_path), manifest_path.name))
    return path


def describe(manifest: Manifest, digest: str, name: str) -> dict[str, Any]:
    """Return the description of a manifest whose file has this SHA-256 and name."""
    entries = [
        spec(key) for key, each in manifest.datasets.items() if each.present and key in names()
    ]
    titles = ", ".join(title(key, manifest.preset) for key in manifest.datasets)
    kept = sum(video.kept for entry in manifest.datasets.values() for video in entry.videos)
    generated = manifest.preset == "sample"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": f"avrsp-{manifest.preset}",
        "description": f"Stores of {kept} videos with gaze and sound, a zarr file each: {titles}.",
        "license": ["MIT"] if generated else sorted({each.licence for each in entries}),
        "citeAs": GENERATED if generated else "; ".join(each.citation for each in entries),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "manifest",
                "name": "manifest",
                "contentUrl": name,
                "encodingFormat": "application/json",
                "sha256": digest,
            },
            {
                "@type": "cr:FileSet",
                "@id": "stores",
                "name": "stores",
                "description": "<dataset>/<video>.zarr.zip; docs/stores.md describes the format",
                "encodingFormat": "application/zip",
                "includes": "*/*.zarr.zip",
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "videos",
                "name": "videos",
                "description": "The verdict on each listed video",
                "field": [_field(key, *FIELDS[key]) for key in FIELDS],
            }
        ],
    }


def _field(key: str, kind: str, meaning: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"videos/{key}",
        "name": f"videos/{key}",
        "description": meaning,
        "dataType": kind,
        "source": {
            "fileObject": {"@id": "manifest"},
            "extract": {"jsonPath": f"$.datasets.*.videos[*].{key}"},
        },
    }
