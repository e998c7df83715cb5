#!/bin/sh
# Run a script with MPI on this machine: mpi.sh N_RANKS SCRIPT [ARGUMENT …]. Rank 0 runs the script, the others are workers.
# Needs: pip install mpi4py mpich. The launcher listens on nothing.
set -eu
ranks=$1
shift
python=${PYTHON:-python}
launcher=$(dirname "$("$python" -c 'import sys; print(sys.executable)')")/mpiexec.gforker
export UCX_TLS=sm,self UCX_NET_DEVICES=lo
exec "$launcher" -n "$ranks" "$python" -m mpi4py.futures "$@"
