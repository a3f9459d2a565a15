"""A program of MPI: its ranks add x, 2 x, ...; with "hang", they never end by themselves."""

from __future__ import annotations

import ctypes
import signal
import sys

mpi = ctypes.CDLL("libmpi.so.40", ctypes.RTLD_GLOBAL)


def handle(name: str) -> ctypes._Pointer[ctypes.c_char]:
    return ctypes.pointer(ctypes.c_char.in_dll(mpi, name))


mpi.MPI_Init(None, None)
world = handle("ompi_mpi_comm_world")
rank = ctypes.c_int()
mpi.MPI_Comm_rank(world, ctypes.byref(rank))
mine, total = ctypes.c_double(float(sys.argv[1]) * (rank.value + 1)), ctypes.c_double()
mpi.MPI_Allreduce(
    ctypes.byref(mine), ctypes.byref(total), 1, handle("ompi_mpi_double"), handle("ompi_mpi_op_sum"), world
)
if "hang" in sys.argv:
    signal.pause()
if rank.value == 0:
    print(total.value)
mpi.MPI_Finalize()
