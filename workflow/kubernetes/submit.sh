#!/bin/sh
# Run a job script of Snakemake in a pod: submit.sh CORES MEGABYTES SCRIPT; says the job's name.
set -eu
: "${AVRSP_IMAGE:?names no image that has the Python of .venv, and ffmpeg}"
: "${AVRSP_CLAIM:?names no persistent volume claim that holds this checkout}"
: "${AVRSP_MOUNT:?says not where that volume is mounted}"
kubectl create --output name --filename - <<EOF
apiVersion: batch/v1
kind: Job
metadata: { generateName: avrsp-, labels: { app: avrsp } }
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 86400
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: job
          image: "$AVRSP_IMAGE"
          command: [/bin/sh, "$3"]
          workingDir: "$PWD"
          env: [{ name: DVC_ROOT, value: "${DVC_ROOT:-$PWD}" }]
          resources: { requests: { cpu: "$1", memory: "${2}M" } }
          volumeMounts: [{ name: checkout, mountPath: "$AVRSP_MOUNT" }]
      volumes: [{ name: checkout, persistentVolumeClaim: { claimName: "$AVRSP_CLAIM" } }]
EOF
