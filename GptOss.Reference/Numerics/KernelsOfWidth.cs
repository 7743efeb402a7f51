using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics;

/// <summary>The kernels of one width and precision: checks, then one job each.</summary>
internal sealed unsafe class Kernels<TBlock, TVector, TProfile>(WorkerPool pool) : Kernels
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    /// <summary>Keys from which a token's attention is worth two more barriers.</summary>
    private const int SplitKeys = 1024;

    private Memory<nint> _pointers;
    private ProductGroup[] _groups = [];
    private Memory<float> _scores, _pairs;

    internal override RegisterWidth Width => TBlock.Width;

    internal override Precision Precision => TProfile.Precision;

    internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output)
    {
        Require(w.Count == 1 && x.Width == w.Columns && output.Width == w.Rows && output.Count == x.Count, x, output, w.Rows, w.Columns);
        Require(bias.Length == 0 || bias.Length == w.Rows, x, output, w.Rows, w.Columns);
        if (x.Count == 0)
            return;
        x = InOrderOf(w, x);
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            (nint inputs, nint outputs) = Pointers(x.Count);
            for (int i = 0; i < x.Count; i++)
            {
                ((float**)inputs)[i] = PaddedInput(x, from, i);
                ((float**)outputs)[i] = to + (nint)i * output.Stride;
            }
            ProductGroup group = new() { Count = x.Count };
            ProductCall<TBlock, TVector, TProfile> call = new(pool, new()
            {
                Groups = &group, GroupCount = 1, Rows = w.Rows, Inputs = (float**)inputs, Outputs = (float**)outputs, Bias = new(halves, wide),
            });
            w.Open(ref call);
        }
    }

    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output)
    {
        Require(x.Width == w.Columns && output.Width == w.Rows && output.Count == groups.Count && x.Count * share == groups.Count, x, output, w.Rows, w.Columns);
        Require(bias.Length == w.Count * w.Rows, x, output, w.Rows, w.Columns);
        if (groups.Count == 0)
            return;
        foreach (int expert in groups.Active)
            w.RequireNumbers(expert);
        if (_groups.Length < groups.Active.Count)
            _groups = new ProductGroup[groups.Active.Count];
        x = InOrderOf(w, x);
        fixed (ProductGroup* list = _groups)
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            (nint inputs, nint outputs) = Pointers(groups.Count);
            int at = 0;
            for (int g = 0; g < groups.Active.Count; g++)
            {
                ReadOnlySpan<int> slots = groups.SlotsOf(groups.Active[g]);
                list[g] = new() { FirstRow = (nint)groups.Active[g] * w.Rows, First = at, Count = slots.Length };
                foreach (int slot in slots)
                {
                    ((float**)inputs)[at] = PaddedInput(x, from, slot / share);
                    ((float**)outputs)[at++] = to + (nint)slot * output.Stride;
                }
            }
            ProductCall<TBlock, TVector, TProfile> call = new(pool, new()
            {
                Groups = list, GroupCount = groups.Active.Count, Rows = w.Rows, Inputs = (float**)inputs, Outputs = (float**)outputs, Bias = new(halves, wide),
                BiasApart = true, Deinterleave = deinterleave,
            });
            w.Open(ref call);
        }
    }

    /// <summary>Activation rows in the order in which the weights' lanes take them.</summary>
    private Rows InOrderOf(Weights w, Rows x)
    {
        if (!w.ReadsPairs)
            return x;
        int floats = checked(x.Count * x.Width);
        if (_pairs.Length < floats)
            _pairs = AlignedBuffer.Allocate<float>(floats);
        Rows pairs = new(_pairs.Span[..floats], x.Count, x.Width, x.Width);
        fixed (float* from = &x.First, to = &pairs.First)
        {
            LaneOrderJob job = new(from, x.Stride, to, pairs.Stride, x.Count, x.Width);
            RunRows(ref job, x.Count);
        }
        return pairs;
    }

    internal override void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output)
    {
        RequireBlocks(x.Width == output.Width && x.Count == output.Count && gain.Length == x.Width, x, output);
        fixed (float* from = &x.First, g = gain, to = &output.First)
        {
            RmsNormJob<TBlock, TProfile> job = new(from, x.Stride, g, eps, to, output.Stride, x.Count, x.Width);
            RunRows(ref job, x.Count);
        }
    }

    internal override void Rotate(Rows heads, Rows cosines, Rows sines)
    {
        int half = cosines.Width;
        Require(sines.Width == half && half > 0 && heads.Width % (2 * half) == 0 && cosines.Count == heads.Count && sines.Count == heads.Count, heads, cosines, half, half);
        fixed (float* h = &heads.First, c = &cosines.First, s = &sines.First)
        {
            RotationJob<TProfile> job = new(h, heads.Stride, heads.Width, c, cosines.Stride, s, sines.Stride, half, heads.Count);
            RunRows(ref job, heads.Count);
        }
    }

    internal override void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output)
    {
        int heads = sinks.Length;
        Require(q.Width == heads * headDim && output.Width == q.Width && output.Count == q.Count && rows.Length >= q.Count && heads % keyValueHeads == 0, q, output, heads, headDim);
        if (q.Count == 0)
            return;
        float scale = (float)(1 / Math.Sqrt(headDim));
        fixed (float* from = &q.First, to = &output.First, sink = sinks)
        {
            int splitFrom = SplitFrom(rows.AsSpan(0, q.Count), keyValueHeads, window), split = 0;
            for (int row = 0; row < q.Count; row++)
            {
                if (rows[row].Keys(window) < splitFrom)
                    continue;
                AttendSplit(rows[row], from + (nint)row * q.Stride, sink, keyValueHeads, heads / keyValueHeads, headDim, window, scale, to + (nint)row * output.Stride);
                split++;
            }
            if (split == q.Count)
                return;
            SinkAttentionJob<TBlock, TVector, TProfile> job =
                new(rows, q.Count, splitFrom, from, q.Stride, sink, keyValueHeads, heads / keyValueHeads, headDim, window ?? 0, scale, to, output.Stride);
            pool.Run(ref job);
        }
    }

    /// <summary>The number of keys from which a token of a batch is shared out among all workers: the others' tokens go to one worker whole.</summary>
    /// <remarks>
    /// Worth it where some workers would have a unit more than others and units are so few that it matters, or where a token has so many more keys than the rest that
    /// whoever gets it would be waited for.
    /// </remarks>
    private int SplitFrom(ReadOnlySpan<QueryRow> rows, int keyValueHeads, int? window)
    {
        int units = rows.Length * keyValueHeads;
        if (pool.Count == 1)
            return int.MaxValue;
        if (units % pool.Count != 0 && units < 8 * pool.Count)
            return SplitKeys;
        long keys = 0;
        foreach (QueryRow row in rows)
            keys += row.Keys(window);
        return (int)Math.Max(SplitKeys, Math.Min(int.MaxValue, 3 * keys / (2 * rows.Length) + 1));
    }

    private void AttendSplit(
        QueryRow row, float* q, float* sinks, int keyValueHeads, int queriesPerHead, int headDim, int? window, float scale, float* output)
    {
        int keys = row.Keys(window), heads = keyValueHeads * queriesPerHead, floats = SplitAttentionJob<TBlock, TVector, TProfile>.ScratchFloats(heads, keys);
        if (_scores.Length < floats)
            _scores = AlignedBuffer.Allocate<float>(Math.Max(floats, (int)Math.Min(2L * _scores.Length, int.MaxValue / 2)));
        fixed (float* scores = _scores.Span)
        {
            SplitAttentionJob<TBlock, TVector, TProfile> job = new()
            {
                Cache = row.Cache, First = row.Position + 1 - keys, Keys = keys, Q = q, Sinks = sinks, KeyValueHeads = keyValueHeads, QueriesPerHead = queriesPerHead,
                HeadDim = headDim, Scale = scale, Output = output, Scores = scores, Denominators = scores + floats - heads,
            };
            SplitAttentionJob<TBlock, TVector, TProfile>.Run(pool, ref job);
        }
    }

    internal override float Probabilities(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float sink, Span<float> probabilities) =>
        AttentionProbabilities<TBlock, TVector, TProfile>.Compute(row, q, keyValueHead, (float)(1 / Math.Sqrt(q.Length)), sink, probabilities);

    internal override void Route(Rows logits, int k, Span<int> experts, Span<float> weights)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, logits.Width);
        for (int row = 0; row < logits.Count; row++)
            Router.Choose<TProfile>(logits[row], experts.Slice(row * k, k), weights.Slice(row * k, k));
    }

    internal override void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights)
    {
        for (int row = 0; row < logits.Count; row++)
            Router.Weigh<TProfile>(logits[row], experts.Slice(row * k, k), weights.Slice(row * k, k));
    }

    internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output)
    {
        RequireBlocks(gu.Width == 2 * output.Width && gu.Count == output.Count, gu, output);
        fixed (float* from = &gu.First, to = &output.First)
        {
            SwiGluJob<TBlock, TProfile> job = new(from, gu.Stride, alpha, limit, to, output.Stride, gu.Count, output.Width);
            RunRows(ref job, gu.Count);
        }
    }

    internal override void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x)
    {
        RequireBlocks(y.Width == x.Width && y.Count == x.Count * k && weights.Length >= y.Count, y, x);
        fixed (float* from = &y.First, w = weights, to = &x.First)
        {
            ExpertMixJob<TBlock, TProfile> job = new(from, y.Stride, w, k, to, x.Stride, x.Count, x.Width);
            RunRows(ref job, x.Count);
        }
    }

    internal override void Add(Rows x, Rows delta)
    {
        RequireBlocks(x.Width == delta.Width && x.Count == delta.Count, x, delta);
        fixed (float* to = &x.First, from = &delta.First)
        {
            ResidualJob<TBlock, TProfile> job = new(to, x.Stride, from, delta.Stride, x.Count, x.Width);
            RunRows(ref job, x.Count);
        }
    }

    internal override float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(w.Length, x.Length);
        Span<float> padded = ThreadScratch.Floats((x.Length + 15) & ~15);
        padded.Clear();
        x.CopyTo(padded);
        fixed (float* a = padded)
        fixed (ushort* b = w)
            return new Bf16Rows(b, x.Length).Dot<TBlock>(0, a);
    }

    internal override void Exp(ReadOnlySpan<float> input, Span<float> output) => BlockExp.Apply<TBlock>(input, output);

    /// <summary>Rows are cheap by themselves: one is done here and now, many are shared out.</summary>
    private void RunRows<TJob>(ref TJob job, int rows) where TJob : struct, IJob
    {
        if (rows == 1)
            job.Execute(0, 1);
        else if (rows > 1)
            pool.Run(ref job);
    }

    /// <summary>Two lists of <paramref name="count"/> pointers each, kept between calls.</summary>
    private (nint Inputs, nint Outputs) Pointers(int count)
    {
        if (_pointers.Length < 2 * count)
            _pointers = AlignedBuffer.Allocate<nint>(2 * count);
        nint* first = (nint*)Unsafe.AsPointer(ref _pointers.Span[0]);      // pinned, see AlignedBuffer
        return ((nint)first, (nint)(first + count));
    }

    /// <summary>The row itself: its storage reaches to the next whole block, and what lies past its width is zero.</summary>
    private static float* PaddedInput(Rows x, float* first, int row)
    {
        int padded = (x.Width + 15) & ~15;
        if (padded != x.Width)
        {
            if (padded > (row == x.Count - 1 ? x.LastRowReach : x.Stride))
                throw new ArgumentException($"Rows of {x.Width} need room for {padded} elements each; a stride of {x.Stride} has not got it.");
            new Span<float>(first + (nint)row * x.Stride + x.Width, padded - x.Width).Clear();
        }
        return first + (nint)row * x.Stride;
    }

    private static void RequireBlocks(bool fits, Rows a, Rows b) => Require(fits && a.Width % 16 == 0 && b.Width % 16 == 0, a, b, a.Width, b.Width);

    private static void Require(bool fits, Rows a, Rows b, int rows, int columns)
    {
        if (!fits)
            throw new ArgumentException($"Shapes do not fit: [{a.Count}, {a.Width}] and [{b.Count}, {b.Width}] with {rows} × {columns}.");
    }
}
