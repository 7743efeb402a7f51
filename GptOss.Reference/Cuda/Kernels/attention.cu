// Attention over keys and values in pages, as HostCache has them: 64 positions a page, [keys | values][key/value head][position][channel].
// Each token brings the list of its sequence's pages (tables[token]: their addresses), its position, and how many places the layer's ring has.
#include "unit.h"

constexpr int PagePositions = 64;

// HostCache.Place and Offset. head: key/value head, plus heads for a value.
DEVICE GLOBAL float* rowAt(u64 table, int position, int places, int heads, int head, int dim)
{
    int place = position < places ? position : position % places;
    u64 page = ((const GLOBAL u64*)table)[place / PagePositions];
    return (GLOBAL float*)page + ((u64)head * PagePositions + place % PagePositions) * dim;
}

// QueryRow.Keys.
DEVICE int keysOf(int position, int window) { return window > 0 && position + 1 > window ? window : position + 1; }

// RotationJob, then HostCache.Write: queries and keys turn in place, keys and values go into the cache. turns: [token][cosines | sines].
// A block a token (blockY).
KERNEL rotate_and_keep(float* qkv, const float* turns, const int* positions, const u64* tables, int places, int heads, int kvHeads, int dim)
{
    int half = dim / 2, position = positions[blockY()];
    u64 table = tables[blockY()];
    float* row = qkv + (u64)blockY() * (heads + 2 * kvHeads) * dim;
    const float* c = turns + (u64)blockY() * dim;
    const float* s = c + half;
    for (int i = threadX(); i < (heads + kvHeads) * half; i += threadsX())
    {
        int head = i / half, channel = i % half;
        float a = row[head * dim + channel], b = row[head * dim + half + channel];
        float first = a * c[channel] - b * s[channel], second = b * c[channel] + a * s[channel];
        row[head * dim + channel] = first;
        row[head * dim + half + channel] = second;
        if (head >= heads)
        {
            GLOBAL float* key = rowAt(table, position, places, kvHeads, head - heads, dim);
            key[channel] = first;
            key[half + channel] = second;
        }
    }
    for (int i = threadX(); i < kvHeads * dim; i += threadsX())
        rowAt(table, position, places, kvHeads, kvHeads + i / dim, dim)[i % dim] = row[(heads + kvHeads) * dim + i];
}

// HostCache.Write alone: turned keys and values, which an observer may have changed, go into the cache again. A block a token (blockY).
KERNEL keep(const float* qkv, const int* positions, const u64* tables, int places, int heads, int kvHeads, int dim)
{
    int position = positions[blockY()], width = kvHeads * dim;
    u64 table = tables[blockY()];
    const float* row = qkv + ((u64)blockY() * (heads + 2 * kvHeads) + heads) * dim;
    for (int i = threadX(); i < 2 * width; i += threadsX())
        rowAt(table, position, places, kvHeads, i / dim, dim)[i % dim] = row[i];
}

// AttentionSteps' scores: scores[token][head][k] = <q, key> * scale, k counted from the first visible key.
// A quad a key, all query heads of the key/value head in turn. blockX: 64 keys; blockY: token; blockZ: key/value head; 256 threads.
template <int Dim>
DEVICE void attendScores(const float* qkv, const int* positions, const u64* tables, float* scores,
    int places, int heads, int kvHeads, int window, int stride, float scale)
{
    int position = positions[blockY()], count = keysOf(position, window), group = heads / kvHeads;
    if (blockX() * 64 >= count)
        return;
    int k = blockX() * 64 + (threadX() >> 2), t = threadX() & 3, real = k < count ? k : count - 1;
    const GLOBAL float* key = rowAt(tables[blockY()], position + 1 - count + real, places, kvHeads, blockZ(), Dim) + 4 * t;
    float4 v[Dim / 16];
#pragma unroll
    for (int s = 0; s < Dim / 16; s++)
        v[s] = *(const float4*)(const float*)(key + s * 16);
    const float4* q = (const float4*)(qkv + ((u64)blockY() * (heads + 2 * kvHeads) + blockZ() * group) * Dim) + t;
    float* to = scores + ((u64)blockY() * heads + blockZ() * group) * stride + k;
    for (int h = 0; h < group; h++, q += Dim / 4, to += stride)
    {
        float4 sum = {0, 0, 0, 0};
#pragma unroll
        for (int s = 0; s < Dim / 16; s++)
            step(sum, q[s * 4], v[s]);
        float dot = reduce(sum);
        if (t == 0 && k < count)
            *to = dot * scale;
    }
}

#define SCORES(Dim) \
    KERNEL attend_scores_##Dim(const float* qkv, const int* positions, const u64* tables, float* scores, \
        int places, int heads, int kvHeads, int window, int stride, float scale) \
    { attendScores<Dim>(qkv, positions, tables, scores, places, heads, kvHeads, window, stride, scale); }
SCORES(32) SCORES(64) SCORES(128)

// AttentionSteps' softmax: scores become e^(s - M), M the largest of them and the sink; the denominator is their sum and the sink's term.
// Maximum and exponentials by all threads; then half a warp adds, lane k mod 16 its keys in ascending order.
// blockX: query head; blockY: token; 128 threads.
KERNEL THREADS(128) attend_softmax(const int* positions, const float* sinks, float* scores, float* denominators, int heads, int window, int stride)
{
    SHARED static float most[4];
    int count = keysOf(positions[blockY()], window), thread = threadX();
    float* s = scores + ((u64)blockY() * heads + blockX()) * stride;
    float sink = sinks[blockX()], m = sink;
    for (int k = thread; k < count; k += 128)
        m = maxPassingNaN(m, s[k]);
    for (int n = 16; n > 0; n >>= 1)
        m = maxPassingNaN(m, other(m, n));
    if ((thread & 31) == 0)
        most[thread >> 5] = m;
    barrier();
    for (int i = 0; i < 4; i++)
        m = maxPassingNaN(m, most[i]);
    for (int k = thread; k < count; k += 128)
        s[k] = exponential(s[k] - m);
    barrier();
    if (thread >= 32)
        return;
    float sum = 0;
    int k = thread & 15, whole = count & ~127;                       // the upper half of the warp does the same
    for (; k < whole; k += 128)
    {
        float e[8];
#pragma unroll
        for (int i = 0; i < 8; i++)
            e[i] = s[k + 16 * i];
#pragma unroll
        for (int i = 0; i < 8; i++)
            sum += e[i];
    }
    for (; k < count; k += 16)
        sum += s[k];
    sum += other(sum, 8); sum += other(sum, 4); sum += other(sum, 2); sum += other(sum, 1);
    if (thread == 0)
        denominators[(u64)blockY() * heads + blockX()] = sum + exponential(sink - m);
}

extern SHARED float4 scratch[];

// AttentionSteps' mix: output = (sum of e_k * v_k, k ascending) / denominator. The chain of a (head, channel) is sequential by the contract, four
// cycles a key at best, so everything else stays out of its way: tiles of 64 keys come through shared memory.
// A block: one key/value head, 16 channels, all its query heads; 16 * heads / kvHeads threads.
// blockX: key/value head * (dim / 16) + channels / 16; blockY: token. Shared: (16 + heads / kvHeads) * 64 floats.
KERNEL attend_mix(const int* positions, const u64* tables, const float* weights, const float* denominators, float* output,
    int places, int heads, int kvHeads, int dim, int window, int stride)
{
    constexpr int Tile = 64;
    int group = heads / kvHeads, position = positions[blockY()], count = keysOf(position, window), first = position + 1 - count;
    u64 table = tables[blockY()];
    int blocks = dim / 16, kvHead = blockX() / blocks, channels = blockX() % blocks * 16;
    int h = threadX() / 16, c = threadX() % 16, head = kvHead * group + h;
    float* v = (float*)scratch;
    float* e = v + Tile * 16;
    const float* w = weights + ((u64)blockY() * heads + kvHead * group) * stride;
    float sum = 0;
    for (int tile = 0; tile < count; tile += Tile)
    {
        barrier();
        for (int i = threadX(); i < Tile * 4; i += threadsX())               // four floats a load, a key's 64 bytes by four threads
        {
            int k = tile + i / 4 < count ? tile + i / 4 : count - 1;
            const GLOBAL float* row = rowAt(table, first + k, places, kvHeads, kvHeads + kvHead, dim) + channels + i % 4 * 4;
            *(float4*)(v + i * 4) = *(const float4*)(const float*)row;
        }
        for (int i = threadX(); i < group * Tile; i += threadsX())
            e[i] = tile + i % Tile < count ? w[(u64)(i / Tile) * stride + tile + i % Tile] : 0.f;
        barrier();
        if (tile + Tile <= count)
        {
#pragma unroll 16
            for (int k = 0; k < Tile; k++)
                sum = fma(e[h * Tile + k], v[k * 16 + c], sum);
        }
        else
        {
            for (int k = 0; k < count - tile; k++)
                sum = fma(e[h * Tile + k], v[k * 16 + c], sum);
        }
    }
    output[((u64)blockY() * heads + head) * dim + channels + c] = sum / denominators[(u64)blockY() * heads + head];
}
