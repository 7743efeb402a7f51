// Which experts a token meets, and which tokens an expert meets: choices never leave the card.
#include "unit.h"

// Router.Choose: the k best of n logits, best first (larger, then lower index, NaN last), and their weights e_i / sum of e, summed in rank order.
// One warp a token (blockY); n <= 1024, k <= 32. Lane i looks after experts i, i + 32, ...; bit j of taken is expert i + 32 j.
KERNEL route(const float* logits, int* experts, float* weights, int n, int k)
{
    const float* l = logits + (u64)blockY() * n;
    int lane = threadX(), own = 0;
    u32 taken = 0;
    float top = 0, sum = 0, ownTerm = 0;
    for (int rank = 0; rank < k; rank++)
    {
        int best = -1;
        float value = 0;
        for (int e = lane; e < n; e += 32)                                   // ascending: an equal one further on is not above
        {
            float candidate = l[e];
            if ((taken >> (e >> 5) & 1) == 0 && (best < 0 || candidate > value || (value != value && candidate == candidate)))
            {
                best = e;
                value = candidate;
            }
        }
        for (int n = 16; n > 0; n >>= 1)
        {
            int otherBest = other(best, n);
            float otherValue = other(value, n);
            bool above = otherValue > value || (value != value && otherValue == otherValue);
            bool below = value > otherValue || (otherValue != otherValue && value == value);
            if (otherBest >= 0 && (best < 0 || above || (!below && otherBest < best)))
            {
                best = otherBest;
                value = otherValue;
            }
        }
        if ((best & 31) == lane)
            taken |= 1u << (best >> 5);
        if (rank == 0)
            top = value;
        float term = exponential(value - top);
        sum += term;
        if (rank == lane)
        {
            own = best;
            ownTerm = term;
        }
    }
    if (lane < k)
    {
        experts[blockY() * k + lane] = own;
        weights[blockY() * k + lane] = ownTerm / sum;
    }
}

// ExpertGroups.Group, for the tiles of a product with many slots: slots sorted by expert, ascending within one, and for every tile of up to 32
// slots of one expert {expert, first, end}, places in that list. Tiles that are not needed are empty.
// One block, a thread an expert; experts <= 1024; tileCount at least as many as there can be: the less of count and count / 32 + experts.
KERNEL THREADS(1024) group_slots(const int* chosen, int* slots, int* tiles, int count, int experts, int tileCount)
{
    SHARED static int counts[1024];
    int e = threadX(), own = 0;
    if (e < experts)
    {
        for (int i = 0; i < count; i++)
            own += chosen[i] == e;
        counts[e] = own;
    }
    barrier();
    int at = 0, tile = 0, allTiles = 0;
    for (int i = 0; i < experts; i++)
    {
        int tilesOf = (counts[i] + 31) >> 5;
        at += i < e ? counts[i] : 0;
        tile += i < e ? tilesOf : 0;
        allTiles += tilesOf;
    }
    if (e < experts)
    {
        for (int first = at; first < at + own; first += 32, tile++)
        {
            tiles[3 * tile] = e;
            tiles[3 * tile + 1] = first;
            tiles[3 * tile + 2] = first + 32 < at + own ? first + 32 : at + own;
        }
        for (int i = 0; i < count; i++)
        {
            if (chosen[i] == e)
                slots[at++] = i;
        }
    }
    for (int t = allTiles + e; t < tileCount; t += threadsX())
        tiles[3 * t] = tiles[3 * t + 1] = tiles[3 * t + 2] = 0;
}
