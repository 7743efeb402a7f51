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
DEVICE void stepMxfp4(float4& sum, u32 w, float a, float b, float4 even, float4 odd)
{
    sum.x = fma((code(w, 0) * a) * b, even.x, sum.x);   sum.x = fma((code(w, 4) * a) * b, odd.x, sum.x);
    sum.y = fma((code(w, 8) * a) * b, even.y, sum.y);   sum.y = fma((code(w, 12) * a) * b, odd.y, sum.y);
    sum.z = fma((code(w, 16) * a) * b, even.z, sum.z);  sum.z = fma((code(w, 20) * a) * b, odd.z, sum.z);
    sum.w = fma((code(w, 24) * a) * b, even.w, sum.w);  sum.w = fma((code(w, 28) * a) * b, odd.w, sum.w);
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
            float rest = Wide ? fromBits((s[u] - low + 127) << 23) : 1.f;
            stepMxfp4(sum, v[u], fromBits((low + 126) << 23), rest, x[(from + u) * 8], x[(from + u) * 8 + 4]);
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
