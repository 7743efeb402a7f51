#!/usr/bin/env bash
# Kernels and whole models on this machine's card: the same bits as on the processor, then memory errors and races, then registers and spills. At most ten minutes.
# device-check.sh [TEST PROGRAM]; reports go to $OUT, or to device-check. Ends with 1 if a check that ran has failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests=$(realpath "${1:-GptOss.Reference.Tests/bin/Release/net10.0/GptOss.Reference.Tests}")
out=${OUT:-device-check}
mkdir -p "$out"
status=0

# step NAME SECONDS COMMAND...: its output into a file, its end on the screen.
step() {
    local name=$1 seconds=$2 from=$SECONDS rc=0
    shift 2
    timeout -k 5 "$seconds" "$@" >"$out/$name.txt" 2>&1 || rc=$?
    echo "$name: exit status $rc, $((SECONDS - from)) s"
    tail -n 3 "$out/$name.txt"
    [[ $rc -eq 0 ]] || status=1
}

registers() {
    local card
    for card in 75 80 86 89 90 100 120; do
        echo "sm_$card"
        ptxas "-arch=sm_$card" -v GptOss.Reference/Cuda/Kernels/kernels.ptx -o /dev/null 2>&1 | grep -E 'error|Compiling|Used|spill'
    done
    return 0
}

export GPTOSS_DEVICE=cuda
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv
fi
step kernels 100 "$tests" --no-progress --filter-class "*KernelTests"
step models 100 "$tests" --no-progress --filter-class "*DeviceModelTests" --filter-class "*DeviceSequenceTests" --filter-class "*DeviceObserverTests"
if command -v compute-sanitizer >/dev/null; then
    step memcheck 120 compute-sanitizer --tool memcheck --error-exitcode 9 "$tests" --no-progress --filter-class "*Cuda.KernelTests"
    step racecheck 120 compute-sanitizer --tool racecheck --error-exitcode 9 "$tests" --no-progress --filter-class "*Cuda.AttentionKernelTests"
else
    echo "memcheck, racecheck: skipped, compute-sanitizer is not installed."
fi
if command -v ptxas >/dev/null; then
    step registers 90 registers
else
    echo "registers: skipped, ptxas is not installed."
fi
exit "$status"
