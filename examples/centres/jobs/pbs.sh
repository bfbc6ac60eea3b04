#!/bin/bash
#PBS -N levinthal
#PBS -l select=1:ncpus=64:mem=128gb,walltime=04:00:00
# One node: simulations on 63 pinned cores, training on what is left. Account and queue are your site's.
set -eu
cd "$PBS_O_WORKDIR"
source "$HOME/levinthal/.venv/bin/activate"
levinthal run sampling --size small --engine local:63 --repeats 3 --out "levinthal-$PBS_JOBID"
levinthal check "levinthal-$PBS_JOBID"
levinthal fom "levinthal-$PBS_JOBID"
