#!/bin/bash
#SBATCH --job-name=levinthal --nodes=1 --ntasks=1 --cpus-per-task=64 --gpus-per-node=4 --time=04:00:00
# One node: all workloads, five repeats each, then what other programs read. Account and partition are your site's.
# A job that was cut off goes on with RUN=its-folder sbatch slurm.sh
set -eu
source "$HOME/levinthal/.venv/bin/activate"
if [ -n "${RUN:-}" ]; then
  levinthal resume "$RUN"
else
  RUN=$SCRATCH/levinthal-$SLURM_JOB_ID
  levinthal run all --size small --repeats 5 --out "$RUN"
fi
levinthal fom "$RUN"
