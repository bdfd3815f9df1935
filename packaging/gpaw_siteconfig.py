# Read by GPAW's setup when GPAW_CONFIG names this file: a serial build that
# needs nothing but a C++ compiler (no MPI, libxc or BLAS libraries).
mpi = False
compiler = 'g++'
nolibxc = True
noblas = True
libraries = []
