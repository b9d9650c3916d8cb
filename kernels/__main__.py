"""`python -m kernels`: makes the cache of compiled kernels."""

from kernels._compile import main

main()
