// What is done to whole rows: norm and dense products for few tokens.
#include "unit.h"

// RmsNormJob: y = (x * r) * gain, r = 1 / sqrt(sum of x^2 / width + eps).
// A block a token (blockY), any number of warps; width a multiple of 16.
KERNEL rms_norm(const float* x, const float* gain, float* y, int width, float eps)
{
    SHARED static float factor;
    x += (u64)blockY() * width;
    y += (u64)blockY() * width;
    if (threadX() < 32)                                // every quad of the first warp does the same
    {
        float4 sum = {0, 0, 0, 0};
#pragma unroll 4
        for (int i = (threadX() & 3) * 4; i < width; i += 16)
        {
            float4 v = *(const float4*)(x + i);
            step(sum, v, v);
        }
        float s = reduce(sum);
        if (threadX() == 0)
            factor = 1.f / root(s / (float)width + eps);
    }
    barrier();
    for (int i = threadX(); i < width; i += threadsX())
        y[i] = (x[i] * factor) * gain[i];
}

// Steps from ... end - 1 of the dot products of one row with Count tokens: Unroll loads are on their way at once.
template <int Count, int Unroll> DEVICE int steps(float4* sum, const uint2* w, const float4* const* x, int from, int end)
{
    for (; from + Unroll <= end; from += Unroll)
    {
        uint2 v[Unroll];
#pragma unroll
        for (int u = 0; u < Unroll; u++)
            v[u] = stream(w + (from + u) * 4);
#pragma unroll
        for (int u = 0; u < Unroll; u++)
        {
#pragma unroll
            for (int i = 0; i < Count; i++)
                step(sum[i], v[u], x[i][(from + u) * 4]);
        }
    }
    return from;
}

// Kernels.Linear and, with add, Kernels.Add behind it: y = [y +] <x, w> [+ bias] for up to Count tokens, every weight read once.
// A quad a row; blockX: threads / 4 rows; columns a multiple of 16.
template <int Count, int Unroll>
DEVICE void linear(const float* x, const u16* w, const float* bias, float* y, int tokens, int rows, int columns, int add)
{
    int row = (blockX() * threadsX() + threadX()) >> 2, t = threadX() & 3, real = row < rows ? row : rows - 1;
    const uint2* weights = (const uint2*)(w + (u64)real * columns) + t;
    const float4* lanes[Count];
    float4 sum[Count];
#pragma unroll
    for (int i = 0; i < Count; i++)
    {
        lanes[i] = (const float4*)(x + (u64)(i < tokens ? i : tokens - 1) * columns) + t;
        sum[i] = {0, 0, 0, 0};
    }
    int done = steps<Count, Unroll>(sum, weights, lanes, 0, columns / 16);
    steps<Count, 1>(sum, weights, lanes, done, columns / 16);
#pragma unroll
    for (int i = 0; i < Count; i++)
    {
        float dot = reduce(sum[i]);
        if (t == 0 && row < rows && i < tokens)
        {
            float* to = y + (u64)i * rows + row;
            float value = bias ? dot + bias[row] : dot;
            *to = add ? *to + value : value;
        }
    }
}

#define LINEAR(Count, Unroll) \
    KERNEL linear_##Count(const float* x, const u16* w, const float* bias, float* y, int tokens, int rows, int columns, int add) \
    { linear<Count, Unroll>(x, w, bias, y, tokens, rows, columns, add); }
LINEAR(1, 16) LINEAR(2, 8) LINEAR(4, 8) LINEAR(8, 4)
