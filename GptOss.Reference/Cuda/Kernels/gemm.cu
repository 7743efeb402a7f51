// Products for many tokens, in the order of the contract. Half a warp holds the sixteen lanes, a thread one lane of 16 x 8 dot products: as many
// sums as a plain matrix product keeps, and the same loads for them, since the lanes split the inner dimension among threads.
#include "unit.h"

constexpr int Rows = 16, Tokens = 8;                                  // of a half-warp
constexpr int BlockRows = 64, BlockTokens = 32, Chunk = 64;           // of a block of 256 threads, and columns at a time
constexpr int RowStride = BlockRows + 4, TokenStride = BlockTokens + 4;      // 4 more than a multiple of 32: lanes hit different banks

// IF32x16.Reduce of N products at once: every exchange halves how many a thread is left with, so they cost N - N / 16 shuffles, not 4 N.
template <int N, int Mask> DEVICE void fold(float* v, int lane)
{
#pragma unroll
    for (int i = 0; i < N / 2; i++)
    {
        bool upper = lane & Mask;
        float low = v[i], high = v[i + N / 2];                        // values: to choose between places would put v into memory
        float keep = upper ? high : low, send = upper ? low : high;
        v[i] = keep + other(send, Mask);
    }
    if constexpr (Mask > 1)
        fold<N / 2, Mask / 2>(v, lane);
}

// The sums of a block's products over the columns in shared memory: [column][row] and [column][token].
DEVICE void multiply(const float* ws, const float* xs, float* sum, int columns, int lane, int rowAt, int tokenAt)
{
#pragma unroll 1
    for (int s = 0; s < columns; s += 16)
    {
        float a[Rows], b[Tokens];
#pragma unroll
        for (int i = 0; i < Rows; i += 4)
            *(float4*)(a + i) = *(const float4*)(ws + (s + lane) * RowStride + rowAt + i);
#pragma unroll
        for (int i = 0; i < Tokens; i += 4)
            *(float4*)(b + i) = *(const float4*)(xs + (s + lane) * TokenStride + tokenAt + i);
#pragma unroll
        for (int r = 0; r < Rows; r++)
        {
#pragma unroll
            for (int t = 0; t < Tokens; t++)
                sum[r * Tokens + t] = fma(a[r], b[t], sum[r * Tokens + t]);
        }
    }
}

// Rows of bfloat16, 8 a thread; consecutive threads take consecutive rows, so their stores hit consecutive banks.
DEVICE void fillBf16(float* ws, const u16* w, int firstRow, int rows, int columns, int c, int width)
{
    for (int i = threadX(); i < BlockRows * width / 8; i += 256)
    {
        int r = i % BlockRows, at = i / BlockRows * 8, real = firstRow + r < rows ? firstRow + r : rows - 1;
        const uint2* p = (const uint2*)(w + (u64)real * columns + c + at);
        uint2 a = p[0], b = p[1];
        u32 v[4] = {a.x, a.y, b.x, b.y};
#pragma unroll
        for (int n = 0; n < 4; n++)
        {
            ws[(at + 2 * n) * RowStride + r] = fromBits(v[n] << 16);
            ws[(at + 2 * n + 1) * RowStride + r] = fromBits(v[n] & 0xffff0000u);
        }
    }
}

DEVICE float decode(u32 code, float low, float rest) { return (fromBits(((code & 7) << 22) | ((code & 8) << 28)) * low) * rest; }

// The same of MXFP4 blocks, in lane order: of every 32 the even elements, then the odd ones. A word is 4 bytes, 8 weights.
DEVICE void fillMxfp4(float* ws, const u8* blocks, const u8* scales, int firstRow, int rows, int columns, int c, int width)
{
    for (int i = threadX(); i < BlockRows * width / 8; i += 256)
    {
        int r = i % BlockRows, word = i / BlockRows, real = firstRow + r < rows ? firstRow + r : rows - 1;
        u64 block = (u64)real * (columns / 32) + c / 32 + word / 4;
        u32 v = *(const u32*)(blocks + block * 16 + word % 4 * 4), s = scales[block], least = s < 128 ? s : 128;
        float low = fromBits((least + 126) << 23), rest = fromBits((s - least + 127) << 23);
        float* to = ws + (word / 4 * 32 + word % 4 * 4) * RowStride + r;
#pragma unroll
        for (int n = 0; n < 4; n++)
        {
            to[n * RowStride] = decode(v >> (8 * n) & 15, low, rest);
            to[(16 + n) * RowStride] = decode(v >> (8 * n + 4) & 15, low, rest);
        }
    }
}

DEVICE void clear(float* sum)
{
#pragma unroll
    for (int i = 0; i < Rows * Tokens; i++)
        sum[i] = 0;
}

// Kernels.Linear and, with add, Kernels.Add behind it. blockX: 64 rows; blockY: 32 tokens; 256 threads; columns a multiple of 16.
KERNEL THREADS(256) gemm_linear(const float* x, const u16* w, const float* bias, float* y, int tokens, int rows, int columns, int add)
{
    alignas(16) SHARED static float ws[Chunk * RowStride], xs[Chunk * TokenStride];
    int half = threadX() >> 4, lane = threadX() & 15;
    int rowAt = (half >> 2) * Rows, tokenAt = (half & 3) * Tokens;    // the halves of a warp share rows: their loads are one
    int firstRow = blockX() * BlockRows, firstToken = blockY() * BlockTokens;
    float sum[Rows * Tokens];
    clear(sum);
    for (int c = 0; c < columns; c += Chunk)
    {
        int width = columns - c < Chunk ? columns - c : Chunk;
        barrier();
        fillBf16(ws, w, firstRow, rows, columns, c, width);
        for (int i = threadX(); i < BlockTokens * width / 4; i += 256)
        {
            int t = i % BlockTokens, at = i / BlockTokens * 4, real = firstToken + t < tokens ? firstToken + t : tokens - 1;
            float4 v = *(const float4*)(x + (u64)real * columns + c + at);
            xs[at * TokenStride + t] = v.x;
            xs[(at + 1) * TokenStride + t] = v.y;
            xs[(at + 2) * TokenStride + t] = v.z;
            xs[(at + 3) * TokenStride + t] = v.w;
        }
        barrier();
        multiply(ws, xs, sum, width, lane, rowAt, tokenAt);
    }
    fold<Rows * Tokens, 8>(sum, lane);
    int row = firstRow + rowAt + lane;
#pragma unroll
    for (int i = 0; i < Tokens; i++)                                  // a thread is left with row lane and Tokens tokens
    {
        int token = firstToken + tokenAt + i;
        if (row < rows && token < tokens)
        {
            float* to = y + (u64)token * rows + row;
            float value = bias ? sum[i] + bias[row] : sum[i];
            *to = add ? *to + value : value;
        }
    }
}

// Kernels.ExpertLinear for the tiles that group_slots made, and with Up the SwiGlu behind it, which takes pairs of rows together.
// blockX: 64 rows; blockY: tile; 256 threads; columns a multiple of 32. Slot s reads row s / share of x.
template <bool Up>
DEVICE void gemmExperts(const float* x, const u8* blocks, const u8* scales, const float* bias, const int* slots, const int* tiles, float* y,
    int share, int rows, int columns, float alpha, float limit)
{
    alignas(16) SHARED static float ws[Chunk * RowStride], xs[Chunk * TokenStride];
    int half = threadX() >> 4, lane = threadX() & 15;
    int rowAt = (half >> 2) * Rows, tokenAt = (half & 3) * Tokens, firstRow = blockX() * BlockRows;
    const int* tile = tiles + 3 * blockY();
    int expert = tile[0], from = tile[1], count = tile[2] - from;
    if (count == 0)
        return;
    u64 firstBlock = (u64)expert * rows * (columns / 32);
    float sum[Rows * Tokens];
    clear(sum);
    for (int c = 0; c < columns; c += Chunk)
    {
        int width = columns - c < Chunk ? columns - c : Chunk;
        barrier();
        fillMxfp4(ws, blocks + firstBlock * 16, scales + firstBlock, firstRow, rows, columns, c, width);
        for (int i = threadX(); i < BlockTokens * width / 2; i += 256)
        {
            int t = i % BlockTokens, pair = i / BlockTokens, real = t < count ? t : count - 1;
            const float* source = x + (u64)(slots[from + real] / share) * columns + c + 2 * pair;
            float* to = xs + (pair / 16 * 32 + pair % 16) * TokenStride + t;
            to[0] = source[0];
            to[16 * TokenStride] = source[1];
        }
        barrier();
        multiply(ws, xs, sum, width, lane, rowAt, tokenAt);
    }
    fold<Rows * Tokens, 8>(sum, lane);
    int row = firstRow + rowAt + lane;
    float b = bias[(u64)expert * rows + (row < rows ? row : rows - 1)];
#pragma unroll
    for (int i = 0; i < Tokens; i++)
    {
        float value = sum[i] + b;
        bool real = row < rows && tokenAt + i < count;
        u64 slot = real ? slots[from + tokenAt + i] : 0;
        if (Up)
        {
            float linear = other(value, 1);                           // of the odd row, where this thread has the even one
            if (real && (lane & 1) == 0)
                y[slot * (rows / 2) + row / 2] = swiglu(value, linear, alpha, limit);
        }
        else if (real)
            y[slot * rows + row] = value;
    }
}

KERNEL THREADS(256) gemm_expert_up(const float* x, const u8* blocks, const u8* scales, const float* bias, const int* slots, const int* tiles,
    float* h, int share, int rows, int columns, float alpha, float limit)
{
    gemmExperts<true>(x, blocks, scales, bias, slots, tiles, h, share, rows, columns, alpha, limit);
}

KERNEL THREADS(256) gemm_expert_down(const float* h, const u8* blocks, const u8* scales, const float* bias, const int* slots, const int* tiles,
    float* y, int share, int rows, int columns)
{
    gemmExperts<false>(h, blocks, scales, bias, slots, tiles, y, share, rows, columns, 0, 0);
}
