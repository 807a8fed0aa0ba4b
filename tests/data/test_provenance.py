from __future__ import annotations

import grimp

from avrsp.data import provenance

WITHOUT_INFLUENCE = {
    "audio",  # cuts windows out of a store
    "datasets",  # names and addresses; what a reader opens is in the fingerprint
    "manifest",  # how verdicts are kept
    "readers",  # an empty package
    "sheets",  # a video's row is in its origin
    "stored",  # reads what was written
}


def test_whatever_converting_imports_is_digested_or_known_to_have_no_influence() -> None:
    graph = grimp.build_graph("avrsp", include_external_packages=False)
    upstream = graph.find_upstream_modules("avrsp.data.convert") | {"avrsp.data.convert"}
    below = {name.removeprefix("avrsp.data.") for name in upstream if "avrsp.data." in name}
    converting = {name for name in below if not name.startswith("world")} - WITHOUT_INFLUENCE
    assert converting == set(provenance.CONVERTING)


def test_a_digest_follows_the_content() -> None:
    assert provenance.digest(["gaze"]) == provenance.digest(iter(["gaze"]))
    assert provenance.digest(["gaze"]) != provenance.digest(["gaze", "raw"])
    assert provenance.world_digest() != provenance.digest(provenance.CONVERTING)
