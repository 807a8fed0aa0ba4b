#!/usr/bin/env bash
# All that needs a GPU, in under ten minutes and without a network: first what must be equal to the
# CPU, then what is timed. OUT receives tests.xml, gpu.json and gpu.md.
#   tests/benchmarks/gpu.sh OUT [--rehearse]
# A bare machine needs Python 3.11 or later, PyTorch 2.11 or later and, as wheels of the versions in
# requirements.lock: the other `dependencies` of pyproject.toml with what they need, pytest,
# pytest-timeout and hypothesis. Where ffmpeg is missing, what reads files is left out, and said so.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${1:?"usage: tests/benchmarks/gpu.sh OUT [--rehearse]"}
rehearse=${2:-}
mkdir -p "$out"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
[ "$rehearse" = --rehearse ] && export AVRSP_REHEARSAL=1
python3 -m pytest -q -m gpu -p no:cacheprovider --junitxml "$out/tests.xml" tests/gpu
tested=$?
python3 tests/benchmarks/gpu.py "$out" $rehearse
timed=$?
exit $((tested || timed))
