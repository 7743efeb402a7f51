// The unit of the arithmetic: sixteen float32 lanes in one thread quad. Thread t of it holds lanes 4t ... 4t + 3, so that every weight is loaded
// where the file has it: 8 bytes of bfloat16, 4 bytes of MXFP4, 16 bytes of float32 a thread.
#pragma once
#include "device.h"

// IF32x16.FusedMultiplyAdd: lane[i] = a[i] * b[i] + lane[i], rounded once.
DEVICE void step(float4& sum, float4 a, float4 b)
{
    sum.x = fma(a.x, b.x, sum.x);
    sum.y = fma(a.y, b.y, sum.y);
    sum.z = fma(a.z, b.z, sum.z);
    sum.w = fma(a.w, b.w, sum.w);
}

// The same with four bfloat16 values as they lie in the file.
DEVICE void step(float4& sum, uint2 w, float4 x)
{
    sum.x = fma(fromBits(w.x << 16), x.x, sum.x);
    sum.y = fma(fromBits(w.x & 0xffff0000u), x.y, sum.y);
    sum.z = fma(fromBits(w.y << 16), x.z, sum.z);
    sum.w = fma(fromBits(w.y & 0xffff0000u), x.w, sum.w);
}

// IF32x16.Reduce: lane[i] += lane[i + n] for n = 8, 4, 2, 1. The first two between threads, the last two inside one.
DEVICE float reduce(float4 a)
{
    a.x += other(a.x, 2); a.y += other(a.y, 2); a.z += other(a.z, 2); a.w += other(a.w, 2);
    a.x += other(a.x, 1); a.y += other(a.y, 1); a.z += other(a.z, 1); a.w += other(a.w, 1);
    return (a.x + a.z) + (a.y + a.w);
}

// IF32x16.Max and Min: NaN if either is.
DEVICE float maxPassingNaN(float a, float b) { return a > b || a != a ? a : b; }
DEVICE float minPassingNaN(float a, float b) { return a < b || a != a ? a : b; }

// BlockExp.Exp.
DEVICE float exponential(float x)
{
    float shifted = fma(x, 1.44269504f, 12582912.f);
    float minusN = 12582912.f - shifted;
    float r = fma(minusN, 0.693145751953125f, x);
    r = fma(minusN, 1.428606765330187e-6f, r);
    float p = fma(1.f / 5040, r, 1.f / 720);
    p = fma(p, r, 1.f / 120);
    p = fma(p, r, 1.f / 24);
    p = fma(p, r, 1.f / 6);
    p = fma(p, r, 1.f / 2);
    p = fma(p, r, 1.f);
    p = fma(p, r, 1.f);
    float e = fromBits(toBits(p) + (toBits(shifted) << 23));
    e = x < -87.33654f ? 0.f : e;
    e = 88.72283f < x ? fromBits(0x7f800000u) : e;
    return x != x ? x : e;
}

// One element of SwiGluJob.
DEVICE float swiglu(float gate, float linear, float alpha, float limit)
{
    float g = minPassingNaN(gate, limit), u = minPassingNaN(maxPassingNaN(linear, -limit), limit);
    float sigmoid = 1.f / (1.f + exponential(-0.f - alpha * g));
    return (g * sigmoid) * (u + 1.f);
}
