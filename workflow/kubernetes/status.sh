#!/bin/sh
# Say `running`, `success` or `failed` of the job that submit.sh named; no answer means running.
case $(kubectl get "$1" --output 'jsonpath={.status.conditions[?(@.status=="True")].type}') in
*Failed*) echo failed ;;
*Complete*) echo success ;;
*) echo running ;;
esac
