using System.Diagnostics;

namespace GptOss.Reference.Cuda;

/// <summary>
/// The kernels with their grids: each the counterpart of a member of <c>Numerics.Kernels</c>, with its bits. All pointers are addresses on the card,
/// all rows float32 without gaps.
/// </summary>
/// <param name="gpu">The card.</param>
/// <param name="times">Receives how long kernels take while it is recording; null for no timing.</param>
internal sealed class DeviceKernels(Gpu gpu, KernelTimes? times = null)
{
    /// <summary>Up to this many tokens products read every weight once for all of them; beyond, they are made in tiles.</summary>
    internal const int FewTokens = 8;

    /// <summary>Keys up to which attention of few tokens is the same launches: the window of the published models.</summary>
    internal const int LeastKeys = 128;

    /// <summary>Query heads that may share a key/value head.</summary>
    internal const int MostQueries = 56;

    /// <summary>Shared memory of a block, on every card.</summary>
    internal const int SharedBytes = 48 * 1024;

    private const int Threads = 128, TileThreads = 256, TileRows = 64, TileTokens = 32, PartKeys = 64, ExponentialKeys = 2048, LoadThreads = 128;

    /// <summary>Whether every launch is timed by itself, and nothing may be recorded.</summary>
    internal bool AreTimed => times is { IsOn: true };

    /// <summary>y = (x · r) · gain, r = 1/√(mean x² + eps).</summary>
    internal void RmsNorm(ulong x, ulong gain, ulong y, int tokens, int width, float eps) =>
        Launch("rms_norm", new(1, tokens), TileThreads, 0, x, gain, y, width, eps);

    /// <summary>y = x·Wᵀ + bias, or y ← y + (x·Wᵀ + bias).</summary>
    internal void Linear(ulong x, in DeviceMatrix w, ulong y, int tokens, bool add = false)
    {
        if (tokens > FewTokens)
        {
            Launch("gemm_linear", new(Parts(w.Rows, TileRows), Parts(tokens, TileTokens)), TileThreads, 0,
                x, w.Data, w.Bias, y, tokens, w.Rows, w.Columns, add ? 1 : 0);
            return;
        }
        string kernel = tokens switch { 1 => "linear_1", 2 => "linear_2", <= 4 => "linear_4", _ => "linear_8" };
        Launch(kernel, new(Parts(w.Rows, Threads / 4)), Threads, 0, x, w.Data, w.Bias, y, tokens, w.Rows, w.Columns, add ? 1 : 0);
    }

    /// <summary>Rotates queries and keys of rows [queries | keys | values] and puts keys and values into the caches.</summary>
    /// <param name="qkv">The rows.</param>
    /// <param name="turns">For each token [cosines | sines], half a head each.</param>
    /// <param name="tokens">Where they stand.</param>
    /// <param name="shape">The layer.</param>
    internal void RotateAndKeep(ulong qkv, ulong turns, in DeviceTokens tokens, in DeviceAttention shape) =>
        Launch("rotate_and_keep", new(1, tokens.Count), TileThreads, 0,
            qkv, turns, tokens.Positions, tokens.Tables, shape.Places, shape.Heads, shape.KeyValueHeads, shape.HeadDim);

    /// <summary>Puts keys and values of rotated rows into the caches again, for an observer may have changed them.</summary>
    internal void Keep(ulong qkv, in DeviceTokens tokens, in DeviceAttention shape) =>
        Launch("keep", new(1, tokens.Count), TileThreads, 0,
            qkv, tokens.Positions, tokens.Tables, shape.Places, shape.Heads, shape.KeyValueHeads, shape.HeadDim);

    /// <summary>Bytes that <see cref="Attend"/> needs at least, for what it keeps of one token.</summary>
    internal static long AttendBytes(int mostKeys, in DeviceAttention shape) => sizeof(float) * (long)shape.Heads * (Stride(mostKeys, shape) + Parts(
        Stride(mostKeys, shape), PartKeys) + 1);

    /// <summary>Attention with sinks of every token over its cache, its own position included.</summary>
    /// <param name="qkv">Rows [queries | keys | values], rotated.</param>
    /// <param name="sinks">[heads].</param>
    /// <param name="scratch">Memory for scores, the largest of every 64 of them and the largest of all.</param>
    /// <param name="scratchBytes">How much: <see cref="AttendBytes"/> for every token that is to be computed at once, and at least for one.</param>
    /// <param name="output">[tokens, heads · headDim].</param>
    /// <param name="tokens">Where they stand.</param>
    /// <param name="shape">The layer.</param>
    internal void Attend(ulong qkv, ulong sinks, ulong scratch, long scratchBytes, ulong output, in DeviceTokens tokens, in DeviceAttention shape)
    {
        int stride = Stride(tokens.MostKeys, shape), heads = shape.Heads, group = heads / shape.KeyValueHeads, dim = shape.HeadDim;
        long each = AttendBytes(tokens.MostKeys, shape);
        ArgumentOutOfRangeException.ThrowIfLessThan(scratchBytes, each);
        int together = (int)Math.Min(scratchBytes / each, tokens.Count), bits = TileBits(tokens.Count, group);
        ulong rows = sizeof(float) * (ulong)together * (ulong)heads;
        ulong maxima = scratch + rows * (ulong)stride, largest = maxima + rows * (ulong)Parts(stride, PartKeys);
        float scale = (float)(1 / Math.Sqrt(dim));
        for (int first = 0; first < tokens.Count; first += together)
        {
            DeviceTokens some = tokens.Slice(first, Math.Min(together, tokens.Count - first));
            Launch($"attend_scores_{dim}", new(Parts(stride, PartKeys), some.Count, shape.KeyValueHeads), TileThreads, 0,
                qkv + sizeof(float) * (ulong)first * (ulong)shape.Width, some.Positions, some.Tables, scratch, maxima,
                shape.Places, heads, shape.KeyValueHeads, shape.Window, stride, scale);
            Launch("attend_exponentials", new(Parts(stride, ExponentialKeys), some.Count, heads), Threads, 0,
                some.Positions, sinks, scratch, maxima, largest, heads, shape.Window, stride);
            // Behind the threads that compute there are those that load, in whole warps.
            Launch("attend_mix", new(shape.KeyValueHeads * (dim / 16), some.Count), (16 * group + LoadThreads + 31) & ~31, MixBytes(group, bits),
                some.Positions, some.Tables, scratch, largest, sinks, output + sizeof(float) * (ulong)first * (ulong)(heads * dim),
                shape.Places, heads, shape.KeyValueHeads, dim, shape.Window, stride, bits);
        }
    }

    /// <summary>The k best experts of every token, best first, and their weights.</summary>
    internal void Route(ulong logits, ulong choices, ulong weights, int tokens, int experts, int k) =>
        Launch("route", new(1, tokens), 32, 0, logits, choices, weights, experts, k);

    /// <summary>Bytes that <see cref="Up"/> and <see cref="Down"/> need for the lists of slots and tiles.</summary>
    internal static long GroupBytes(int tokens, int experts, int k) => sizeof(int) * ((long)tokens * k + 3L * Tiles(tokens * k, experts));

    /// <summary>h = SwiGLU of the first product of every slot's expert. For several tokens it makes the lists that <see cref="Down"/> uses.</summary>
    /// <param name="x">[tokens, hidden], normed.</param>
    /// <param name="choices">[tokens, k].</param>
    /// <param name="w">[experts, 2·intermediate, hidden], rows alternating between gate and linear.</param>
    /// <param name="h">[tokens·k, intermediate].</param>
    /// <param name="groups"><see cref="GroupBytes"/>.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="experts">Of the layer, at most 1024.</param>
    /// <param name="k">Experts of a token.</param>
    /// <param name="alpha">Of SwiGLU.</param>
    /// <param name="limit">Of SwiGLU.</param>
    internal void Up(ulong x, ulong choices, in DeviceExperts w, ulong h, ulong groups, int tokens, int experts, int k, float alpha, float limit)
    {
        int slots = tokens * k, intermediate = w.Rows / 2, hidden = w.Columns;
        if (tokens == 1)
        {
            Launch(w.IsWide ? "expert_up_wide" : "expert_up", new(Parts(intermediate, Threads / 4), slots), Threads, hidden * sizeof(float),
                x, w.Blocks, w.Scales, w.Bias, choices, h, intermediate, hidden, k, alpha, limit);
            return;
        }
        int tiles = Tiles(slots, experts);
        ulong tileList = groups + sizeof(int) * (ulong)slots;
        Launch("group_slots", new(1), (experts + 31) & ~31, 0, choices, groups, tileList, slots, experts, tiles);
        if (tokens <= FewTokens)
        {
            Launch("expert_up_few", new(Parts(intermediate, Threads / 4), tiles), Threads, 0,
                x, w.Blocks, w.Scales, w.Bias, groups, tileList, h, k, w.Rows, hidden, alpha, limit);
            return;
        }
        Launch("gemm_expert_up", new(Parts(w.Rows, TileRows), tiles), TileThreads, 0,
            x, w.Blocks, w.Scales, w.Bias, groups, tileList, h, k, w.Rows, hidden, alpha, limit);
    }

    /// <summary>y = the second product of every slot's expert, after <see cref="Up"/> of the same choices.</summary>
    /// <param name="h">[tokens·k, intermediate].</param>
    /// <param name="choices">[tokens, k].</param>
    /// <param name="w">[experts, hidden, intermediate].</param>
    /// <param name="y">[tokens·k, hidden].</param>
    /// <param name="groups">As <see cref="Up"/> left them.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="experts">Of the layer, at most 1024.</param>
    /// <param name="k">Experts of a token.</param>
    internal void Down(ulong h, ulong choices, in DeviceExperts w, ulong y, ulong groups, int tokens, int experts, int k)
    {
        int slots = tokens * k, intermediate = w.Columns, hidden = w.Rows, tiles = Tiles(slots, experts);
        ulong tileList = groups + sizeof(int) * (ulong)slots;
        if (tokens == 1)
        {
            Launch(w.IsWide ? "expert_down_wide" : "expert_down", new(Parts(hidden, Threads / 4), slots), Threads, intermediate * sizeof(float),
                h, w.Blocks, w.Scales, w.Bias, choices, y, hidden, intermediate);
        }
        else if (tokens <= FewTokens)
        {
            Launch("expert_down_few", new(Parts(hidden, Threads / 4), tiles), Threads, 0,
                h, w.Blocks, w.Scales, w.Bias, groups, tileList, y, 1, hidden, intermediate);
        }
        else
        {
            Launch("gemm_expert_down", new(Parts(hidden, TileRows), tiles), TileThreads, 0,
                h, w.Blocks, w.Scales, w.Bias, groups, tileList, y, 1, hidden, intermediate);
        }
    }

    /// <summary>x ← x + Σ_rank weights · y; y has k rows for every row of x.</summary>
    internal void MixExperts(ulong y, ulong weights, ulong x, int tokens, int hidden, int k) =>
        Launch("mix_experts", new(Parts(hidden, Threads), tokens), Threads, 0, y, weights, x, hidden, k);

    private void Launch(string kernel, Grid grid, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments)
    {
        gpu.Launch(kernel, grid, threads, sharedBytes, arguments);
        if (times is not { IsOn: true })
            return;
        gpu.Synchronize();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < KernelTimes.Repeats; i++)
            gpu.Launch(kernel, grid, threads, sharedBytes, arguments);
        gpu.Synchronize();
        times.Add(kernel, Stopwatch.GetElapsedTime(start).TotalSeconds / KernelTimes.Repeats);
    }

    // Places for the scores of a head.
    private static int Stride(int mostKeys, in DeviceAttention shape) =>
        PartKeys * Parts(shape.Window > 0 ? Math.Min(mostKeys, shape.Window) : mostKeys, PartKeys);

    // Keys of a tile of the mix, as a power of two. With few tokens there are few blocks, and a tile has to last until memory has answered; with
    // many, small tiles let more blocks run beside each other.
    private static int TileBits(int tokens, int group)
    {
        int bits = tokens > FewTokens ? 6 : 8;
        while (MixBytes(group, bits) > SharedBytes)
            bits--;
        return bits;
    }

    private static int MixBytes(int group, int bits) => 2 * sizeof(float) * (16 + group) << bits;

    // Every expert may leave one tile that is not full; none has fewer than one slot.
    private static int Tiles(int slots, int experts) => Math.Min(slots, slots / TileTokens + experts);

    private static int Parts(int whole, int part) => (whole + part - 1) / part;
}
