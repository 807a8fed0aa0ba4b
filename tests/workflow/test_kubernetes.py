"""Jobs of Snakemake as pods, with a stand-in for kubectl."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml  # noqa: TID251 - a test reads what kubectl is given

SCRIPTS = Path(__file__).parents[2] / "workflow" / "kubernetes"
PLACES = {"AVRSP_IMAGE": "registry/avrsp:1", "AVRSP_CLAIM": "checkout", "AVRSP_MOUNT": "/avrsp"}
KUBECTL = """#!/bin/sh
echo "$@" >> called
case $1 in
create) cat > manifest; echo job.batch/avrsp-x1 ;;
get) cat conditions ;;
esac
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    return tmp_path


def ran(here: Path, script: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
    environment = {"PATH": f"{here}:{os.environ['PATH']}", **variables}
    done = subprocess.run(
        [SCRIPTS / script, *arguments],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_job_runs_its_script_where_the_checkout_is_mounted(here: Path) -> None:
    code, said, _ = ran(here, "submit.sh", "2", "4000", "/avrsp/.snakemake/job.sh", **PLACES)
    assert (code, said) == (0, "job.batch/avrsp-x1\n")
    pod = yaml.safe_load((here / "manifest").read_text())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["/bin/sh", "/avrsp/.snakemake/job.sh"]
    assert container["workingDir"] == str(here)
    assert container["image"] == "registry/avrsp:1"
    assert container["resources"]["requests"] == {"cpu": "2", "memory": "4000M"}
    assert container["volumeMounts"] == [{"name": "checkout", "mountPath": "/avrsp"}]
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "checkout"}
    assert pod["restartPolicy"] == "Never"


@pytest.mark.parametrize("missing", PLACES)
def test_what_the_site_must_say_is_named(here: Path, missing: str) -> None:
    known = {name: value for name, value in PLACES.items() if name != missing}
    code, _, said = ran(here, "submit.sh", "1", "1000", "job.sh", **known)
    assert code != 0
    assert missing in said
    assert not (here / "called").exists()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("", "running"),
        ("SuccessCriteriaMet", "running"),
        ("SuccessCriteriaMet Complete", "success"),
        ("FailureTarget Failed", "failed"),
        ("FailureTarget", "running"),
    ],
)
def test_the_status_is_one_of_snakemakes_words(here: Path, conditions: str, expected: str) -> None:
    (here / "conditions").write_text(conditions)
    assert ran(here, "status.sh", "job.batch/avrsp-x1")[:2] == (0, f"{expected}\n")


def test_a_cluster_that_does_not_answer_fails_no_job(here: Path) -> None:
    assert ran(here, "status.sh", "job.batch/avrsp-x1")[:2] == (0, "running\n")  # no file: exit 1


def test_jobs_are_cancelled_by_name(here: Path) -> None:
    assert ran(here, "cancel.sh", "job.batch/a", "job.batch/b")[0] == 0
    assert (here / "called").read_text() == "delete --wait=false job.batch/a job.batch/b\n"
