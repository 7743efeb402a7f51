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

constexpr int PartKeys = 64, WarpsOfPart = 8, MostQueries = 56;      // keys of a block of scores; query heads of a key/value head

// AttentionSteps' scores: scores[token][head][k] = <q, key> * scale, k counted from the first visible key; and the largest of every 64 of them,
// maxima[token][head][k / 64]. A quad a key, all query heads of the key/value head in turn.
// blockX: 64 keys; blockY: token; blockZ: key/value head; 256 threads. stride: places for the scores of a head, a multiple of 64.
template <int Dim>
DEVICE void attendScores(const float* qkv, const int* positions, const u64* tables, float* scores, float* maxima,
    int places, int heads, int kvHeads, int window, int stride, float scale)
{
    SHARED static float most[MostQueries * WarpsOfPart];
    int position = positions[blockY()], count = keysOf(position, window), group = heads / kvHeads;
    if (blockX() * PartKeys >= count)
        return;
    int k = blockX() * PartKeys + (threadX() >> 2), t = threadX() & 3, real = k < count ? k : count - 1;
    const GLOBAL float* key = rowAt(tables[blockY()], position + 1 - count + real, places, kvHeads, blockZ(), Dim) + 4 * t;
    float4 v[Dim / 16];
#pragma unroll
    for (int s = 0; s < Dim / 16; s++)
        v[s] = *(const float4*)(const float*)(key + s * 16);
    const float4* q = (const float4*)(qkv + ((u64)blockY() * (heads + 2 * kvHeads) + blockZ() * group) * Dim) + t;
    u64 row = (u64)blockY() * heads + blockZ() * group;
    float* to = scores + row * stride + k;
    for (int h = 0; h < group; h++, q += Dim / 4, to += stride)
    {
        float4 sum = {0, 0, 0, 0};
#pragma unroll
        for (int s = 0; s < Dim / 16; s++)
            step(sum, q[s * 4], v[s]);
        float score = reduce(sum) * scale, m = score;                 // behind the last key stands that key again, which changes no maximum
        if (t == 0 && k < count)
            *to = score;
#pragma unroll
        for (int n = 16; n > 2; n >>= 1)
            m = maxPassingNaN(m, other(m, n));
        if ((threadX() & 31) == 0)
            most[h * WarpsOfPart + (threadX() >> 5)] = m;
    }
    barrier();
    for (int h = threadX(); h < group; h += threadsX())
    {
        float m = most[h * WarpsOfPart];
        for (int i = 1; i < WarpsOfPart; i++)
            m = maxPassingNaN(m, most[h * WarpsOfPart + i]);
        maxima[(row + h) * (stride / PartKeys) + blockX()] = m;
    }
}

#define SCORES(Dim) \
    KERNEL attend_scores_##Dim(const float* qkv, const int* positions, const u64* tables, float* scores, float* maxima, \
        int places, int heads, int kvHeads, int window, int stride, float scale) \
    { attendScores<Dim>(qkv, positions, tables, scores, maxima, places, heads, kvHeads, window, stride, scale); }
SCORES(32) SCORES(64) SCORES(128)

// AttentionSteps' exponentials: scores become e^(s - M), M the largest of them and the sink, which goes to largest[token][head]; up to the next
// multiple of four they become zero. blockX: 2048 keys; blockY: token; blockZ: query head; 128 threads.
KERNEL THREADS(128) attend_exponentials(const int* positions, const float* sinks, float* scores, const float* maxima, float* largest,
    int heads, int window, int stride)
{
    constexpr int Each = 16;
    SHARED static float most[4];
    int count = keysOf(positions[blockY()], window), thread = threadX(), first = blockX() * 128 * Each + thread, end = (count + 3) & ~3;
    if (blockX() * 128 * Each >= count)
        return;
    u64 row = (u64)blockY() * heads + blockZ();
    float* s = scores + row * stride;
    float e[Each];
#pragma unroll
    for (int i = 0; i < Each; i++)
    {
        if (first + 128 * i < count)
            e[i] = s[first + 128 * i];
    }
    float m = sinks[blockZ()];
    for (int i = thread; i < (count + PartKeys - 1) / PartKeys; i += 128)
        m = maxPassingNaN(m, maxima[row * (stride / PartKeys) + i]);
    for (int n = 16; n > 0; n >>= 1)
        m = maxPassingNaN(m, other(m, n));
    if ((thread & 31) == 0)
        most[thread >> 5] = m;
    barrier();
    for (int i = 0; i < 4; i++)
        m = maxPassingNaN(m, most[i]);
    if (first == 0)
        largest[row] = m;
#pragma unroll
    for (int i = 0; i < Each; i++)
    {
        int k = first + 128 * i;
        if (k < end)
            s[k] = k < count ? exponential(e[i] - m) : 0.f;
    }
}

extern SHARED float4 scratch[];

// By its parts, or the compiler would keep an array of such values in memory.
DEVICE float4 read(const float4* p) { return {p->x, p->y, p->z, p->w}; }

DEVICE void write(float4* p, float4 v)
{
    p->x = v.x;
    p->y = v.y;
    p->z = v.z;
    p->w = v.w;
}

// What attend_mix takes of one tile, keys at ... at + keys - 1 counted from the first visible one: 16 channels of their values, [key][channel], and
// the weights of the heads, [head][1 << bits]. Four loads of 16 bytes a thread are on their way at once.
struct MixTile
{
    u64 table;
    const float* weights;
    int first, places, kvHeads, kvHead, group, dim, channels, stride, bits;

    MEMBER void load(float4* to, int at, int keys, int loader, int loaders) const
    {
        for (int i = loader; i < 4 * keys; i += 4 * loaders)
        {
            float4 got[4];
#pragma unroll
            for (int u = 0; u < 4; u++)
            {
                int n = i + u * loaders < 4 * keys ? i + u * loaders : i;
                const GLOBAL float* row = rowAt(table, first + at + n / 4, places, kvHeads, kvHeads + kvHead, dim) + channels + n % 4 * 4;
                got[u] = read((const float4*)(const float*)row);
            }
#pragma unroll
            for (int u = 0; u < 4; u++)
            {
                if (i + u * loaders < 4 * keys)
                    write(to + i + u * loaders, got[u]);
            }
        }
        to += 4 << bits;
        int quads = (keys + 3) / 4, all = group * quads;              // weights are there up to a multiple of four
        for (int i = loader; i < all; i += 4 * loaders)
        {
            float4 got[4];
#pragma unroll
            for (int u = 0; u < 4; u++)
            {
                int n = i + u * loaders < all ? i + u * loaders : i;
                got[u] = read((const float4*)(weights + (u64)(n / quads) * stride + at + n % quads * 4));
            }
#pragma unroll
            for (int u = 0; u < 4; u++)
            {
                int n = i + u * loaders;
                if (n < all)
                    write(to + (n / quads << (bits - 2)) + n % quads, got[u]);
            }
        }
    }
};

// AttentionSteps' mix and denominator: output = (sum of e_k * v_k, k ascending) / (sum of e_k + e^(sink - M)). The chain of a (head, channel) is
// sequential by the contract, four cycles a key at best, so everything else stays out of its way: the threads behind the 16 * heads / kvHeads that
// compute load the next tile of keys into the other buffer meanwhile. The 16 threads of a head are also the lanes that add its e_k.
// A block: one key/value head, 16 channels, all its query heads. blockX: key/value head * (dim / 16) + channels / 16; blockY: token.
// Shared: twice (16 + heads / kvHeads) * tile floats, tile = 1 << bits keys, at least 16.
KERNEL THREADS(1024) attend_mix(const int* positions, const u64* tables, const float* weights, const float* largest, const float* sinks, float* output,
    int places, int heads, int kvHeads, int dim, int window, int stride, int bits)
{
    int group = heads / kvHeads, position = positions[blockY()], count = keysOf(position, window), tile = 1 << bits;
    int blocks = dim / 16, kvHead = blockX() / blocks, channels = blockX() % blocks * 16;
    int h = threadX() / 16, c = threadX() % 16, loader = threadX() - 16 * group, loaders = threadsX() - 16 * group;
    MixTile keys = {tables[blockY()], weights + ((u64)blockY() * heads + kvHead * group) * stride, position + 1 - count,
        places, kvHeads, kvHead, group, dim, channels, stride, bits};
    int quads = (16 + group) << (bits - 2);                           // of one buffer
    float sum = 0, denominator = 0;
    if (h >= group)
        keys.load(scratch, 0, count < tile ? count : tile, loader, loaders);
    for (int at = 0, buffer = 0; at < count; at += tile, buffer ^= 1)
    {
        int left = count - at, next = left - tile;
        barrier();                                                    // this buffer is full, and nobody reads the other one any more
        if (h >= group)
        {
            if (next > 0)
                keys.load(scratch + (buffer ^ 1) * quads, at + tile, next < tile ? next : tile, loader, loaders);
        }
        else
        {
            const float* v = (const float*)(scratch + buffer * quads) + c;
            const float* e = (const float*)(scratch + buffer * quads + (4 << bits)) + h * tile;
            int here = left < tile ? left : tile, k = 0;
            for (; k + 16 <= here; k += 16)
            {
                denominator += e[k + c];
#pragma unroll
                for (int i = 0; i < 16; i += 4)
                {
                    float4 some = *(const float4*)(e + k + i);
                    sum = fma(some.x, v[(k + i) * 16], sum);
                    sum = fma(some.y, v[(k + i + 1) * 16], sum);
                    sum = fma(some.z, v[(k + i + 2) * 16], sum);
                    sum = fma(some.w, v[(k + i + 3) * 16], sum);
                }
            }
            if (k + c < here)
                denominator += e[k + c];
            for (; k < here; k++)
                sum = fma(e[k], v[k * 16], sum);
        }
    }
    for (int n = 8; n > 0; n >>= 1)
        denominator += other(denominator, n);
    u64 head = (u64)blockY() * heads + kvHead * group + h;
    if (h < group)
        output[head * dim + channels + c] = sum / (denominator + exponential(sinks[kvHead * group + h] - largest[head]));
}
