// Products for many tokens, in the order of the contract. Half a warp holds the sixteen lanes, a thread one lane of 16 x 8 dot products: as many
// sums as a plain matrix product keeps, and the same loads for them, since the lanes split the inner dimension among threads.
#include "unit.h"

constexpr int Rows = 16, Tokens = 8;                                  // of a half-warp
constexpr int BlockRows = 64, BlockTokens = 32, Chunk = 32;           // of a block of 256 threads, and columns at a time
constexpr int RowStride = BlockRows + 4, TokenStride = BlockTokens + 4;      // 4 more than a multiple of 32: lanes hit different banks
constexpr int RowFloats = Chunk * RowStride, TokenFloats = Chunk * TokenStride;

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

DEVICE float decode(u32 code, float low, float rest) { return (fromBits(((code & 7) << 22) | ((code & 8) << 28)) * low) * rest; }

// What a thread carries of one chunk of columns from global to shared memory: 8 weights of a row and 4 values of a token. It is loaded before the
// chunk in front of it is multiplied and stored after, so that nobody waits for memory. Consecutive threads take consecutive rows and tokens: their
// stores hit consecutive banks.
struct Bf16Stage
{
    const u16* row;                                                   // the thread's own row, from its own column on
    uint2 low, high;

    MEMBER int firstColumn() { return (threadX() >> 6) * 8; }
    MEMBER void load(int c)
    {
        const uint2* p = (const uint2*)(row + c);
        low = p[0];
        high = p[1];
    }
    MEMBER void store(float* ws)
    {
        float* to = ws + firstColumn() * RowStride + (threadX() & 63);
        u32 v[4] = {low.x, low.y, high.x, high.y};
#pragma unroll
        for (int n = 0; n < 4; n++)
        {
            to[2 * n * RowStride] = fromBits(v[n] << 16);
            to[(2 * n + 1) * RowStride] = fromBits(v[n] & 0xffff0000u);
        }
    }
};

// The same of a block of MXFP4, in lane order: the even elements, then the odd ones. A word is 4 bytes, 8 weights.
struct Mxfp4Stage
{
    const u8 *blocks, *scales;                                        // the thread's own row, blocks from its own word on
    u32 word, scale;

    MEMBER int firstByte() { return (threadX() >> 6) * 4; }
    MEMBER void load(int c)
    {
        word = *(const u32*)(blocks + c / 2);
        scale = scales[c / 32];
    }
    MEMBER void store(float* ws)
    {
        u32 least = scale < 128 ? scale : 128;
        float low = fromBits((least + 126) << 23), rest = fromBits((scale - least + 127) << 23);
        float* to = ws + firstByte() * RowStride + (threadX() & 63);
#pragma unroll
        for (int n = 0; n < 4; n++)
        {
            to[n * RowStride] = decode(word >> (8 * n) & 15, low, rest);
            to[(16 + n) * RowStride] = decode(word >> (8 * n + 4) & 15, low, rest);
        }
    }
};

DEVICE void clear(float* sum)
{
#pragma unroll
    for (int i = 0; i < Rows * Tokens; i++)
        sum[i] = 0;
}

// All columns: two buffers of shared memory, one being multiplied while the other is filled. columns a multiple of 16, or with LaneOrder of 32.
// x: the thread's own token, from its own column (threadX() / 32 * 4) on.
template <bool LaneOrder, class Stage>
DEVICE void multiplyAll(Stage stage, const float* x, float* ws, float* xs, float* sum, int columns)
{
    int half = threadX() >> 4, lane = threadX() & 15, column = threadX() >> 5;
    int rowAt = (half >> 2) * Rows, tokenAt = (half & 3) * Tokens;    // the halves of a warp share rows: their loads are one
    float4 v;
    auto load = [&](int c)
    {
        if (threadX() >> 6 < (columns - c) / 8)                       // less than a chunk is left
            stage.load(c);
        if (column < (columns - c) / 4)
            v = *(const float4*)(x + c);
    };
    auto store = [&](int c, int buffer)
    {
        if (threadX() >> 6 < (columns - c) / 8)
            stage.store(ws + buffer * RowFloats);
        float* to = xs + buffer * TokenFloats + (LaneOrder ? 2 : 4) * column * TokenStride + (threadX() & 31);
        if (column < (columns - c) / 4)
        {
            to[0] = v.x;
            to[(LaneOrder ? 16 : 1) * TokenStride] = v.y;
            to[(LaneOrder ? 1 : 2) * TokenStride] = v.z;
            to[(LaneOrder ? 17 : 3) * TokenStride] = v.w;
        }
    };
    load(0);
    store(0, 0);
    int buffer = 0;
    for (int c = 0; c < columns; c += Chunk, buffer ^= 1)
    {
        barrier();                                                    // this buffer is full, and nobody reads the other one any more
        int next = c + Chunk;
        if (next < columns)
            load(next);
        multiply(ws + buffer * RowFloats, xs + buffer * TokenFloats, sum, columns - c < Chunk ? 16 : Chunk, lane, rowAt, tokenAt);
        if (next < columns)
            store(next, buffer ^ 1);
    }
    fold<Rows * Tokens, 8>(sum, lane);
}

// Kernels.Linear and, with add, Kernels.Add behind it. blockX: 64 rows; blockY: 32 tokens; 256 threads; columns a multiple of 16.
KERNEL THREADS(256) gemm_linear(const float* x, const u16* w, const float* bias, float* y, int tokens, int rows, int columns, int add)
{
    alignas(16) SHARED static float ws[2 * RowFloats], xs[2 * TokenFloats];
    int half = threadX() >> 4, lane = threadX() & 15;
    int firstRow = blockX() * BlockRows, firstToken = blockY() * BlockTokens;
    int ownRow = firstRow + (threadX() & 63), ownToken = firstToken + (threadX() & 31);
    Bf16Stage stage;
    stage.row = w + (u64)(ownRow < rows ? ownRow : rows - 1) * columns + stage.firstColumn();
    float sum[Rows * Tokens];
    clear(sum);
    multiplyAll<false>(stage, x + (u64)(ownToken < tokens ? ownToken : tokens - 1) * columns + (threadX() >> 5) * 4, ws, xs, sum, columns);
    int row = firstRow + (half >> 2) * Rows + lane;
#pragma unroll
    for (int i = 0; i < Tokens; i++)                                  // a thread is left with row lane and Tokens tokens
    {
        int token = firstToken + (half & 3) * Tokens + i;
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
    alignas(16) SHARED static float ws[2 * RowFloats], xs[2 * TokenFloats];
    int half = threadX() >> 4, lane = threadX() & 15, tokenAt = (half & 3) * Tokens, firstRow = blockX() * BlockRows;
    const int* tile = tiles + 3 * blockY();
    int expert = tile[0], from = tile[1], count = tile[2] - from;
    if (count == 0)
        return;
    int ownRow = firstRow + (threadX() & 63), ownSlot = threadX() & 31;
    u64 firstBlock = ((u64)expert * rows + (ownRow < rows ? ownRow : rows - 1)) * (columns / 32);
    Mxfp4Stage stage;
    stage.blocks = blocks + firstBlock * 16 + stage.firstByte();
    stage.scales = scales + firstBlock;
    float sum[Rows * Tokens];
    clear(sum);
    u64 token = slots[from + (ownSlot < count ? ownSlot : count - 1)] / share;
    multiplyAll<true>(stage, x + token * columns + (threadX() >> 5) * 4, ws, xs, sum, columns);
    int row = firstRow + (half >> 2) * Rows + lane;
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
