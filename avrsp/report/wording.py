"""The sentences of the page that do not depend on numbers."""

from __future__ import annotations

from typing import Final

from avrsp.report.names import title

NAME: Final = 26
"""Characters of a video's name that fit beside a strip."""

TITLE: Final = "AVRSP: where people look in a video with sound"

LEAD: Final = (
    "Audio-visual saliency prediction, from raw videos and eye tracking to the tables on this "
    "page. V is the network that only sees, AV the network that also listens."
)

SAMPLE_WARNING: Final = (
    "These numbers come from the preset “sample”: a small network on a small generated world of "
    "videos. They show that the whole chain works. They are not results on the real datasets and "
    "cannot be compared with the numbers printed in the paper."
)

METRICS: Final = (
    "SIM is the overlap of the predicted and the true distribution of gaze, CC their linear "
    "correlation, NSS the mean normalised saliency at fixated pixels, and AUC-J how well saliency "
    "tells fixated pixels from the others. Bold marks the best of this run's rows. A click on a "
    "column's head sorts; this run's rows and the printed rows stay apart."
)

DAGGER: Final = (
    "† Not a prediction: the ground truth of another frame of the same video. It shows how far "
    "knowing where this video's viewers tend to look would go, and is never marked as best."
)

PRINTED: Final = (
    "The paper calls AVRSP “Ours”. Its rows hold the numbers as printed there and were not "
    "computed by this project."
)

STRIPS: Final = (
    "Fixations are yellow; maps lie over the dimmed frame, brightest where they are highest. "
    "Nobody picked these frames. In each dataset the test videos with the highest, the middle and "
    "the lowest mean CC of AV are shown, each at the frame whose CC is the video's median."
)

CURVES: Final = (
    "Dashed: training. Solid: validation, on videos held out from the training list. The circle "
    "marks the lowest validation loss. No test video takes part in any choice."
)

SET_ASIDE: Final = "Videos whose raw data are not what the dataset's list promises are set aside:"

NO_SCORES: Final = (
    "Nothing was evaluated, so there is nothing to show here. Run: dvc repro evaluate-v evaluate-av"
)
NO_PAIRS: Final = "Not run: this figure needs the scores of both V and AV."
NO_HISTORIES: Final = "Not run: no training history was found below data/models."
NO_MANIFEST: Final = (
    "No data were preprocessed: the manifest is missing. Run: snakemake --cores all preprocess"
)

SAMPLE_NOTES: Final = (
    "The generated world has clips whose sounding object draws the gaze, clips with music that "
    "belongs to nothing in the picture, and silent clips. Real videos are far richer.",
    "The sample's network is a narrow version of the real one, trained for minutes on a CPU.",
)

NOTES: Final = (
    "Intervals are 95 % bootstrap intervals over videos. With few test videos they are wide: "
    "Coutrot2 has five a split.",
    "Published numbers come from different evaluation code, and the same maps score differently "
    "under each. Every number of ours names its protocol.",
    "A cell that says “not run” was not computed. Nothing on this page is a guess or is copied "
    "from another row.",
    "A higher score of AV does not prove that it listens: it is another network with more "
    "parameters. That takes an evaluation with other sounds.",
)


def no_scores_of(dataset: str) -> str:
    """Say that a dataset has no strip."""
    return f"{title(dataset)}: no frame of a test video was scored against a fixation."


def shortened(video: str) -> str:
    """Return a video's name so that it fits beside a strip."""
    if len(video) <= NAME:
        return video
    return f"{video[: NAME // 2]}…{video[-(NAME // 2 - 1) :]}"
