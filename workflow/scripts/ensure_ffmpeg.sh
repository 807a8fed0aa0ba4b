#!/bin/sh
# ffmpeg and ffprobe must be on the PATH; where apt and root are there, install them.
set -eu
if command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "ffmpeg is missing: installing it with apt"
    log=$(mktemp)
    if apt-get update -qq >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ffmpeg >>"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    echo "setup: apt could not install ffmpeg (see $log); install it by hand and run make again" >&2
    exit 1
fi
echo "setup: ffmpeg and ffprobe were not found on the PATH; install them (Debian: sudo apt-get install ffmpeg; macOS: brew install ffmpeg; conda: conda install -c conda-forge ffmpeg) and run make again" >&2
exit 1
