#!/bin/bash
#SBATCH --job-name=levinthal-scaling --nodes=4 --ntasks-per-node=1 --gpus-per-node=4 --exclusive --time=02:00:00
# Figure 3 over four nodes: levinthal starts the ranks by srun inside this allocation.
set -eu
source "$HOME/levinthal/.venv/bin/activate"
export NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-ib0}
levinthal scale cvae --size paper --world-sizes 4,8,16 --nodes 4 --repeats 3 --out "$SCRATCH/levinthal-scaling-$SLURM_JOB_ID"
