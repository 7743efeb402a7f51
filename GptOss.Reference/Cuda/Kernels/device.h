// The part of CUDA C++ that the kernels use, without the toolkit's headers: clang's NVPTX builtins under short names.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE static inline __attribute__((device, always_inline))
// In a structure.
#define MEMBER __attribute__((device, always_inline))
#define SHARED __attribute__((shared))
#define THREADS(n) __attribute__((launch_bounds(n)))

// An address that was read from memory: without it the compiler would not know that it is one of global memory.
#define GLOBAL __attribute__((address_space(1)))

struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { u32 x, y; };

DEVICE int threadX() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE int threadsX() { return __nvvm_read_ptx_sreg_ntid_x(); }
DEVICE int blockX() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE int blockY() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEVICE int blockZ() { return __nvvm_read_ptx_sreg_ctaid_z(); }
DEVICE void barrier() { __nvvm_bar_sync(0); }

DEVICE float fma(float a, float b, float c) { return __nvvm_fma_rn_f(a, b, c); }
DEVICE float root(float a) { return __nvvm_sqrt_rn_f(a); }
DEVICE float fromBits(u32 bits) { return __builtin_bit_cast(float, bits); }
DEVICE u32 toBits(float value) { return __builtin_bit_cast(u32, value); }
DEVICE float widen(u16 bfloat16) { return fromBits((u32)bfloat16 << 16); }

// The value of the thread whose number differs in the bits of mask.
DEVICE float other(float value, int mask) { return __nvvm_shfl_sync_bfly_f32(0xffffffffu, value, mask, 31); }
DEVICE int other(int value, int mask) { return __nvvm_shfl_sync_bfly_i32(0xffffffffu, value, mask, 31); }

// Weights that are read once: past the first-level cache, which keeps the activations.
DEVICE uint2 stream(const uint2* p)
{
    uint2 r;
    asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0,%1}, [%2];" : "=r"(r.x), "=r"(r.y) : "l"(p));
    return r;
}
