// The experts of few tokens, straight from published MXFP4: blocks of 32 weights in 16 bytes, byte j holding elements 2j (low nibble) and 2j + 1,
// and a scale byte for each block in a tensor of its own.
#include "unit.h"

extern SHARED float4 scratch[];

// LaneOrderJob: an activation row into shared memory in the order in which the bytes meet it: of every 32 the even elements, then the odd ones.
DEVICE void fillLanes(const float* x, int width)
{
    float* lanes = (float*)scratch;
    for (int i = threadX(); i < width / 2; i += threadsX())
    {
        int block = i / 16 * 32, j = i % 16;
        lanes[block + j] = x[block + 2 * j];
        lanes[block + 16 + j] = x[block + 2 * j + 1];
    }
    barrier();
}

// The E2M1 code at bits shift ... shift + 3 as a float times 2^-126: exponent and mantissa bits where a float has them. Exact, the code that is
// subnormal in E2M1 too, since it is then subnormal in float32.
DEVICE float code(u32 w, int shift)
{
    u32 magnitude = shift <= 22 ? w << (22 - shift) : w >> (shift - 22);
    return fromBits((magnitude & 0x01c00000u) | ((w << (28 - shift)) & 0x80000000u));
}

// Eight weights of one block: (code * 2^-126) * a * b is the weight, with the scale's power of two cut into a * b so that neither overflows.
// b is 1 unless Wide; each product is exact, or overflows as the weight does.
DEVICE void decodeMxfp4(float* to, u32 w, float a, float b)
{
#pragma unroll
    for (int n = 0; n < 8; n++)
        to[n] = (code(w, 4 * n) * a) * b;
}

DEVICE void stepMxfp4(float4& sum, const float* w, float4 even, float4 odd)
{
    sum.x = fma(w[0], even.x, sum.x);  sum.x = fma(w[1], odd.x, sum.x);
    sum.y = fma(w[2], even.y, sum.y);  sum.y = fma(w[3], odd.y, sum.y);
    sum.z = fma(w[4], even.z, sum.z);  sum.z = fma(w[5], odd.z, sum.z);
    sum.w = fma(w[6], even.w, sum.w);  sum.w = fma(w[7], odd.w, sum.w);
}

// Mxfp4Rows.Dot. x: the quad's first float4 of the row in lane order. Without Wide every scale byte is at most 128.
template <int Unroll, bool Wide> DEVICE int blocksOf(float4& sum, const float4* x, const u32* w, const u8* scales, int from, int end)
{
    for (; from + Unroll <= end; from += Unroll)
    {
        u32 v[Unroll], s[Unroll];
#pragma unroll
        for (int u = 0; u < Unroll; u++)
        {
            v[u] = w[(from + u) * 4];
            s[u] = scales[from + u];
        }
#pragma unroll
        for (int u = 0; u < Unroll; u++)
        {
            u32 low = !Wide || s[u] < 128 ? s[u] : 128;
            float weights[8];
            decodeMxfp4(weights, v[u], fromBits((low + 126) << 23), Wide ? fromBits((s[u] - low + 127) << 23) : 1.f);
            stepMxfp4(sum, weights, x[(from + u) * 8], x[(from + u) * 8 + 4]);
        }
    }
    return from;
}

template <bool Wide> DEVICE float dotMxfp4(const float4* x, const u32* w, const u8* scales, int columns)
{
    float4 sum = {0, 0, 0, 0};
    int done = blocksOf<6, Wide>(sum, x, w, scales, 0, columns / 32);
    blocksOf<1, Wide>(sum, x, w, scales, done, columns / 32);
    return reduce(sum);
}

// Kernels.ExpertLinear, then SwiGlu: h[slot][j] = swiglu of rows 2j and 2j + 1 of the slot's expert with the slot's token.
// A quad a pair of rows; blockX: threads / 4 of them; blockY: slot, k of them a token. Shared: hidden floats.
template <bool Wide>
DEVICE void expertUp(const float* x, const u8* blocks, const u8* scales, const float* bias, const int* experts, float* h,
    int intermediate, int hidden, int k, float alpha, float limit)
{
    fillLanes(x + (u64)(blockY() / k) * hidden, hidden);
    int j = (blockX() * threadsX() + threadX()) >> 2, t = threadX() & 3, real = j < intermediate ? j : intermediate - 1;
    u64 row = (u64)experts[blockY()] * 2 * intermediate + 2 * real;
    const u32* w = (const u32*)(blocks + row * (hidden / 2)) + t;
    const u8* s = scales + row * (hidden / 32);
    float gate = dotMxfp4<Wide>(scratch + t, w, s, hidden) + bias[row];
    float linear = dotMxfp4<Wide>(scratch + t, w + hidden / 8, s + hidden / 32, hidden) + bias[row + 1];
    if (t == 0 && j < intermediate)
        h[(u64)blockY() * intermediate + j] = swiglu(gate, linear, alpha, limit);
}

// Kernels.ExpertLinear, the second product: y[slot][row] = <h[slot], row of the slot's expert> + bias.
// A quad a row; blockX: threads / 4 rows; blockY: slot. Shared: intermediate floats.
template <bool Wide>
DEVICE void expertDown(const float* h, const u8* blocks, const u8* scales, const float* bias, const int* experts, float* y,
    int hidden, int intermediate)
{
    fillLanes(h + (u64)blockY() * intermediate, intermediate);
    int r = (blockX() * threadsX() + threadX()) >> 2, t = threadX() & 3, real = r < hidden ? r : hidden - 1;
    u64 row = (u64)experts[blockY()] * hidden + real;
    const u32* w = (const u32*)(blocks + row * (intermediate / 2)) + t;
    float dot = dotMxfp4<Wide>(scratch + t, w, scales + row * (intermediate / 32), intermediate);
    if (t == 0 && r < hidden)
        y[(u64)blockY() * hidden + r] = dot + bias[row];
}

#define EXPERTS(Suffix, Wide) \
    KERNEL expert_up##Suffix(const float* x, const u8* blocks, const u8* scales, const float* bias, const int* experts, float* h, \
        int intermediate, int hidden, int k, float alpha, float limit) \
    { expertUp<Wide>(x, blocks, scales, bias, experts, h, intermediate, hidden, k, alpha, limit); } \
    KERNEL expert_down##Suffix(const float* h, const u8* blocks, const u8* scales, const float* bias, const int* experts, float* y, \
        int hidden, int intermediate) \
    { expertDown<Wide>(h, blocks, scales, bias, experts, y, hidden, intermediate); }
EXPERTS(, false) EXPERTS(_wide, true)

constexpr int FewColumns = 1024, FewSlots = 8;                        // 32 KB of shared memory

// Columns of the activations of some slots into shared memory, each row in lane order. Slot s reads row s / share of x, which begins at its column.
DEVICE void fillSlots(float* lanes, const float* x, const int* slots, int count, int share, int columns, int width)
{
    for (int s = 0; s < count; s++, lanes += FewColumns)
    {
        const float4* row = (const float4*)(x + (u64)(slots[s] / share) * columns);
        for (int i = threadX(); i < width / 4; i += threadsX())
        {
            float4 v = row[i];
            float* to = lanes + i / 8 * 32 + i % 8 * 2;
            to[0] = v.x;
            to[16] = v.y;
            to[1] = v.z;
            to[17] = v.w;
        }
    }
}

// Blocks from ... end - 1 of the dot products of Each rows, next to each other, with Count slots: every weight is decoded once for all of them.
template <int Each, int Count, int Unroll>
DEVICE int blocksOfSlots(float4* sum, const float4* const* x, const u32* w, const u8* scales, int columns, int from, int end)
{
    for (; from + Unroll <= end; from += Unroll)
    {
        u32 v[Unroll * Each], s[Unroll * Each];
#pragma unroll
        for (int u = 0; u < Unroll * Each; u++)
        {
            v[u] = w[u % Each * (columns / 8) + (from + u / Each) * 4];
            s[u] = scales[u % Each * (columns / 32) + from + u / Each];
        }
#pragma unroll
        for (int u = 0; u < Unroll; u++)
        {
            float weights[Each][8];
#pragma unroll
            for (int r = 0; r < Each; r++)
            {
                u32 scale = s[u * Each + r], low = scale < 128 ? scale : 128;
                decodeMxfp4(weights[r], v[u * Each + r], fromBits((low + 126) << 23), fromBits((scale - low + 127) << 23));
            }
#pragma unroll
            for (int i = 0; i < Count; i++)
            {
                float4 even = x[i][(from + u) * 8], odd = x[i][(from + u) * 8 + 4];
#pragma unroll
                for (int r = 0; r < Each; r++)
                    stepMxfp4(sum[r * Count + i], weights[r], even, odd);
            }
        }
    }
    return from;
}

// The products of one tile: of up to Count slots of one expert. Up takes two rows, 2j and 2j + 1, and gives swiglu of them.
template <bool Up, int Count>
DEVICE void expertSlots(float* lanes, const float* x, const u8* blocks, const u8* scales, const float* bias, const int* slots, float* y,
    int expert, int count, int share, int rows, int columns, float alpha, float limit)
{
    constexpr int Each = Up ? 2 : 1;
    int unit = (blockX() * threadsX() + threadX()) >> 2, t = threadX() & 3, units = rows / Each, real = unit < units ? unit : units - 1;
    u64 row = (u64)expert * rows + Each * real;
    const u32* w = (const u32*)(blocks + row * (columns / 2)) + t;
    const u8* s = scales + row * (columns / 32);
    const float4* own[Count];
    float4 sum[Each * Count];
#pragma unroll
    for (int i = 0; i < Count; i++)
        own[i] = (const float4*)(lanes + (i < count ? i : count - 1) * FewColumns) + t;
#pragma unroll
    for (int i = 0; i < Each * Count; i++)
        sum[i] = {0, 0, 0, 0};
    for (int c = 0; c < columns; c += FewColumns)
    {
        int width = columns - c < FewColumns ? columns - c : FewColumns;
        barrier();
        fillSlots(lanes, x + c, slots, count, share, columns, width);
        barrier();
        int done = blocksOfSlots<Each, Count, 4 / Each>(sum, own, w + c / 8, s + c / 32, columns, 0, width / 32);
        blocksOfSlots<Each, Count, 1>(sum, own, w + c / 8, s + c / 32, columns, done, width / 32);
    }
#pragma unroll
    for (int i = 0; i < Count; i++)
    {
        float value = reduce(sum[i]) + bias[row];
        if (Up)
            value = swiglu(value, reduce(sum[(Each - 1) * Count + i]) + bias[row + 1], alpha, limit);
        if (t == 0 && unit < units && i < count)
            y[(u64)slots[i] * units + unit] = value;
    }
}

// The experts of 2 to 8 tokens, which may meet the same ones: as expert_up and expert_down, for the tiles that group_slots made, so that every weight
// is read once. A quad a pair of rows, or a row; blockX: threads / 4 of them; blockY: tile. Slot s reads row s / share of x.
template <bool Up>
DEVICE void expertFew(float* lanes, const float* x, const u8* blocks, const u8* scales, const float* bias, const int* slots, const int* tiles,
    float* y, int share, int rows, int columns, float alpha, float limit)
{
    const int* tile = tiles + 3 * blockY();
    int expert = tile[0], from = tile[1], count = tile[2] - from;
    slots += from;
    if (count == 0)
        return;
    if (count <= 2)
        expertSlots<Up, 2>(lanes, x, blocks, scales, bias, slots, y, expert, count, share, rows, columns, alpha, limit);
    else if (count <= 4)
        expertSlots<Up, 4>(lanes, x, blocks, scales, bias, slots, y, expert, count, share, rows, columns, alpha, limit);
    else
        expertSlots<Up, 8>(lanes, x, blocks, scales, bias, slots, y, expert, count, share, rows, columns, alpha, limit);
}

KERNEL THREADS(128) expert_up_few(const float* x, const u8* blocks, const u8* scales, const float* bias, const int* slots, const int* tiles,
    float* h, int share, int rows, int columns, float alpha, float limit)
{
    alignas(16) SHARED static float lanes[FewSlots * FewColumns];
    expertFew<true>(lanes, x, blocks, scales, bias, slots, tiles, h, share, rows, columns, alpha, limit);
}

KERNEL THREADS(128) expert_down_few(const float* h, const u8* blocks, const u8* scales, const float* bias, const int* slots, const int* tiles,
    float* y, int share, int rows, int columns)
{
    alignas(16) SHARED static float lanes[FewSlots * FewColumns];
    expertFew<false>(lanes, h, blocks, scales, bias, slots, tiles, y, share, rows, columns, 0, 0);
}

// ExpertMixJob: x += sum over ranks of weight * y, in rank order.
// A thread an element; blockX: threads of them; blockY: token.
KERNEL mix_experts(const float* y, const float* weights, float* x, int hidden, int k)
{
    int i = blockX() * threadsX() + threadX();
    if (i >= hidden)
        return;
    float sum = 0;
    for (int rank = 0; rank < k; rank++)
        sum = fma(weights[blockY() * k + rank], y[((u64)blockY() * k + rank) * hidden + i], sum);
    x[(u64)blockY() * hidden + i] += sum;
}
