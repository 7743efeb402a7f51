#!/usr/bin/env bash
# Compiles the kernels to kernels.ptx, or to the file that is given. Needs clang++-14 (Debian and Ubuntu: apt install clang-14) and no CUDA toolkit;
# the same clang writes the same bytes. Needed only by whoever changes a kernel: kernels.ptx is committed.
# -ffp-contract=off: sums and products keep their .rn, so that no assembler may fuse them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
clang++-14 -x cuda --cuda-device-only -nocudainc -nocudalib -S --cuda-gpu-arch=sm_75 -std=c++20 -O3 -Wall -Werror \
    -ffp-contract=off -Xclang -target-feature -Xclang +ptx74 -o "${1:-kernels.ptx}" kernels.cu
