#!/bin/sh
# The steps of every image, on a bare Debian 12: install.sh FOLDER_OF_THIS_PROJECT [INDEX]
# PyTorch's own build for Linux has CUDA; INDEX is where another one lies, such as that for CPUs.
set -eu
source=$1
index=${2:-}
export DEBIAN_FRONTEND=noninteractive

apt-get update -qq
apt-get install -y -qq --no-install-recommends ca-certificates ffmpeg git python3 python3-venv
apt-get clean
rm -rf /var/lib/apt/lists/*

python3 -m venv /opt/avrsp
pip() { /opt/avrsp/bin/python -m pip --disable-pip-version-check --no-cache-dir --quiet "$@"; }
[ -z "$index" ] || pip install --index-url "$index" "$(grep '^torch==' "$source/requirements.lock")"
pip install --requirement "$source/requirements.lock"
pip install --no-deps "$source"

# Nobody is root inside; a clone of the project is mounted at /work, and its code goes first.
useradd --create-home --uid 1000 avrsp
install --directory --owner avrsp --group avrsp /work
git config --system --add safe.directory /work
