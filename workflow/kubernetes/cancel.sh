#!/bin/sh
# Remove jobs that submit.sh named, with their pods.
exec kubectl delete --wait=false "$@"
