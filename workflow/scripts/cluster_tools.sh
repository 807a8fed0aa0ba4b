#!/bin/sh
# Slurm, PostgreSQL and debootstrap for tests/cluster, and LaTeX for the test that sets the tables, where apt
# and root are there.
set -eu
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "cluster-tools: not root, or no apt: tests of clusters and of LaTeX will be skipped" >&2
    exit 0
fi
wanted=
for pair in munged:munge slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client debootstrap:debootstrap \
    pdflatex:texlive-latex-recommended; do
    PATH="$PATH:/usr/sbin" command -v "${pair%%:*}" >/dev/null || wanted="$wanted ${pair##*:}"
done
ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || wanted="$wanted postgresql"
[ -n "$wanted" ] || exit 0
log=$(mktemp)
# shellcheck disable=SC2086 # several packages
if apt-get update -qq >"$log" 2>&1 &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >>"$log" 2>&1; then
    rm -f "$log"
    exit 0
fi
echo "cluster-tools: apt could not install$wanted (see $log): some tests of clusters and of LaTeX will be skipped" >&2
