// Everything in one module; build.sh compiles this file to kernels.ptx.
#include "rows.cu"
#include "attention.cu"
#include "route.cu"
#include "experts.cu"
#include "gemm.cu"
