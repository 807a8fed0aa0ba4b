"""What the page says in sentences; numbers and names are filled in where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from avrsp.params.runs import TITLES, VISUAL

TITLE: Final = "AVRSP: where people look in a video with sound"

LEAD: Final = (
    "Audio-visual saliency prediction, from raw videos and recorded gaze to the tables on this "
    "page. V is the network that only sees, AV the network that also listens."
)

PAPER: Final = "https://arxiv.org/abs/2411.11454"
LICENCE: Final = "https://spdx.org/licenses/MIT.html"

CITE: Final = (
    "Please cite the paper whose method this is, this software, and the real datasets that you use."
)

PAPER_ENTRY: Final = """@article{yu2024relevance,
  title = {Relevance-guided Audio Visual Fusion for Video Saliency Prediction},
  author = {Yu, Li and Sun, Xuanzhe and Gao, Pan and Gabbouj, Moncef},
  journal = {arXiv preprint arXiv:2411.11454},
  year = {2024}
}"""

SOFTWARE_ENTRY: Final = """@software{{avrsp,
  title = {{AVRSP: a reproducible workflow for audio-visual video saliency prediction}},
  author = {{{{the AVRSP authors}}}},
  version = {{{version}}},
  note = {{commit {commit}}},
  license = {{MIT}}
}}"""

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

BETWEEN_VIEWERS: Final = (
    "§ Viewers against viewers. Other viewers: everybody else's gaze predicts each viewer's, the "
    "ceiling between observers. Half the viewers: one half's gaze predicts the other's, which is "
    "lower because fewer people predict. A metric that they do not have is n/a. Never "
    "marked as best."
)

FURTHER_METRICS: Final = (
    "KL is the divergence of the predicted from the true distribution, s-AUC the AUC against "
    "fixations of other frames, in which a preference for the centre earns nothing, and IG the "
    "information in bits a fixation that a map has more than the centre prior."
)

GIVEN: Final = (
    "‡ Maps of another method, given to avrsp evaluate --maps and scored on the same frames by the "
    "same protocol. This project did not make them and does not know what they were trained on."
)

NOT_COMPARED: Final = (
    "The compared methods were not trained here. Choose some in workflow/methods/chosen.yaml and "
    "run: dvc repro workflow/methods/dvc.yaml"
)

NOT_PUBLISHED: Final = (
    "No published weights were scored here: docs/models.md says how to import and to score them."
)

ODD: Final = {
    "I": "Odd in the paper's table: the rows TSFP-Net(V) and TSFP-Net(AV) are identical on real "
    "DIEM, as they are on real Coutrot1 and real Coutrot2. On real ETMD, Ours(AV) is behind "
    "CASP-Net(AV) in SIM, CC and AUC-J.",
    "II": "Odd in the paper's table: the rows TSFP-Net(V) and TSFP-Net(AV) are identical on real "
    "Coutrot1 and real Coutrot2, as they are on real DIEM. On real SumMe, Ours(AV) is behind "
    "CASP-Net(AV) in SIM and AUC-J.",
}
"""What a reader of Tables I and II, as printed, may stumble over."""

NEWER: Final = (
    "Of the newer methods AAM reports higher numbers than AVRSP's on every one of these datasets. "
    "Quoted numbers come from the evaluation code of whoever printed them; none was checked here."
)

PRINTED: Final = (
    "The paper calls AVRSP “Ours”. Its rows hold the numbers as printed there and were not "
    "computed by this project."
)

STRIPS: Final = (
    "Fixations are yellow; maps lie over the dimmed frame, brightest where they are highest. "
    "Nobody picked these frames. In each dataset the test videos with the highest, the middle and "
    "the lowest mean CC (of AV, where it was run) are shown, each at the frame whose CC is the "
    "video's median."
)

CLIPS: Final = (
    "Short clips with their sound, chosen by the same rule among all test videos that have sound. "
    "They start when you press play."
)

CURVES: Final = (
    "Dashed: training. Solid: validation, on videos held out from the training list. The circle "
    "marks the lowest validation loss. No test video takes part in any choice."
)

VIDEOS: Final = "Videos by dataset"
SOURCES: Final = "Where the data come from"
ASIDE: Final = "Videos set aside, because their raw data are not what the dataset's list promises"
ABSENT: Final = "Datasets that are absent"

ROLES: Final = (
    "Frames, hours and roles count the videos that were kept. Validation videos are carved out of "
    "the training lists; a test list chooses nothing."
)

SPLIT_DEFECTS: Final = "Splits that are not a clean division of their videos, found in the lists:"

SOUND: Final = "Does the sound matter?"

SOUNDS: Final = (
    "The audio-visual model sees the same frames again and hears something else: no sound, another "
    "test clip's sound, its own moved by half the video, and its own backwards. What is lost "
    "against the true sound is what the model gains by listening. Frames are evenly spaced, and "
    "intervals and p values rest on whole videos, paired."
)

HEARERS: Final = "Every network with sound, shown the same test clips"

HEARERS_READ: Final = (
    "Each network that takes sound sees the test clips again and hears something else. Shown are "
    "clips whose sound belongs to something visible, where that is known, else all clips with "
    "sound. A network whose maps hardly change with another sound does not listen."
)

NO_HEARERS: Final = (
    "The compared networks with sound were not tried with other sounds. Choose some in "
    "workflow/methods/chosen.yaml and run: dvc repro workflow/methods/dvc.yaml"
)

PAIRS: Final = (
    "Rows of three pairs are the whole networks and stand in Tables III and V too; those of none "
    "are Table III's without MS and MRG. Each network was run once."
)

COMPARED_TITLE: Final = "AVRSP and the methods that it is compared with"

COMPARED_LEAD: Final = (
    "Methods of others with public code, written anew, trained here on the same stores and scored "
    "by the same protocol, beside what was printed of them."
)

COMPARED_TRAINED: Final = (
    "Each method is trained by its authors' recipe: first on the pretraining set, then on all "
    "audio-visual sets of a split. docs/models.md says what this project cannot do as the authors "
    "did, and what preset sample makes smaller. AVRSP's rows are those of the main pipeline."
)

ABLATIONS: Final = (
    "Every part of the network is left out or replaced in turn. All networks start from the same "
    "pretraining, but for MS and MRG where theirs differ. They learn from the two datasets that "
    "the tables name alone, and are scored on the test videos of these two."
)

NO_CHANGES: Final = (
    "When the sound changes: not shown, because no test video says when another object begins to "
    "sound, or AV's peak never followed one."
)

OWN_PAGE: Final = (
    "The ablations are a pipeline of their own, on which the rest of this page does not depend. "
    "Their own page compares RAVF with the other fusions clip by clip and is always up to date:"
)

FUSIONS_TITLE: Final = "AVRSP: fusions, from the experiments MLflow knows"

FUSIONS_LEAD: Final = (
    "Whole experiments that differ in nothing but how sound joins the picture: same data, splits, "
    "protocol and other parameters."
)

FUSIONS_READ: Final = (
    "Of each fusion the newest finished evaluation is shown. This page is made on request and "
    "shows what MLflow knew then; the report beside it reads the files of its own workspace only."
)

FUSIONS_TRAINED: Final = (
    "These models learn from all audio-visual sets, those of the paper's Table V and of the "
    "ablations from two of them alone. Each network was run once; the ablations' page compares "
    "fusions clip by clip."
)

TRAINED_ON_TWO: Final = "its networks learn from DIEM and AVAD alone"

NO_RELIANCE: Final = "Not run: the models were not tried with other sounds. Run: dvc repro reliance"

NO_SCORES: Final = (
    "Nothing was evaluated, so there is nothing to show here. Run: dvc repro evaluate"
)
NO_PAIRS: Final = "Not run: this figure needs the scores of two models."
NO_HISTORIES: Final = "Not run: no training history was found below data/models."
NO_VALIDATION: Final = (
    "There were too few videos for a validation part: the training videos judged the epochs "
    "themselves. The solid curves say nothing about other videos."
)
NO_MANIFEST: Final = (
    "No data were preprocessed: the manifest is missing. Run: snakemake --cores all preprocess"
)

SAMPLE_NOTES: Final = (
    "The generated world has clips whose sounding object draws the gaze, clips with music that "
    "belongs to nothing in the picture, and silent clips. Real videos are far richer.",
    "The sample's network is a narrow version of the real one, trained for minutes on a CPU.",
)

NOTES: Final = (
    "Intervals are 95 % bootstrap intervals over videos. With few test videos they are wide.",
    "Published numbers come from different evaluation code, and the same maps score differently "
    "under each. Every number of ours names its protocol.",
    "A cell that says “not run” was not computed. Nothing on this page is a guess or is copied "
    "from another row.",
    "A higher score of AV does not prove that it listens: it is another network with more "
    "parameters. What proves it is the section on other sounds.",
)


def not_ablated(absent: int, networks: int) -> str:
    """Say that some networks of Tables III to V were not run when the page was made."""
    return (
        f"{absent} of {networks} networks were not run when this page was made. Name them in "
        "ablations in params.yaml and run: dvc repro workflow/ablations/dvc.yaml"
    )


def no_experiments(absent: Sequence[str]) -> str:
    """Say which fusions MLflow does not know, and how to run them."""
    text = f"Not run: {', '.join(name if name != 'none' else TITLES[VISUAL] for name in absent)}."
    wanted = ",".join(name for name in absent if name != "none")
    if not wanted:
        return f"{text} Run: dvc repro"
    return f"{text} Run: dvc exp run --queue -S 'fusion={wanted}', then dvc queue start"


def no_scores_of(title: str) -> str:
    """Say that a dataset, of this title, has no strip."""
    return f"{title}: no frame of a test video was scored against a fixation."
