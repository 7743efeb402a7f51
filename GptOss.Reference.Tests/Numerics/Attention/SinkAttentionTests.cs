using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Attention;

[Trait("Category", "Numeric")]
public class SinkAttentionTests
{
    /// <summary>
    /// One call: key/value heads, queries a head, channels, window, ring, and the length of each sequence (its last few tokens ask).
    /// </summary>
    private sealed record Shape(int KeyValueHeads, int Queries, int HeadDim, int? Window, int? Ring, int[] Lengths, int Asking = 2);

    private static readonly Shape[] Shapes =
    [
        new(1, 1, 2, null, null, [1, 2, 3]),
        new(2, 2, 10, null, null, [1, 15, 16, 17, 31, 32, 33], 3),
        new(1, 8, 32, null, null, [63, 64, 65, 66]),
        new(2, 8, 64, null, null, [5, 255, 256, 257, 300], 3),
        new(1, 16, 64, null, null, [70, 130]),
        new(1, 3, 128, null, null, [40, 259]),
        new(3, 1, 64, 1, 3, [1, 2, 3, 4, 10], 1),                   // a window of the token itself
        new(1, 8, 64, 5, 7, [1, 4, 5, 6, 7, 8, 9, 20, 21], 3),      // a ring that wraps inside a tile
        new(2, 2, 32, 16, 100, [15, 16, 17, 99, 100, 101, 115, 116, 199, 200, 201, 350], 4),
        new(1, 9, 10, 128, 160, [127, 128, 129, 159, 160, 161, 300]),
        new(1, 2, 64, 128, null, [127, 128, 129, 256, 257, 320, 384, 385]),   // a window over pages
        new(1, 16, 2, 70, 90, [200, 250]),
    ];

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Attention_is_its_definition_bit_for_bit(RegisterWidth width, Precision precision)
    {
        for (int i = 0; i < Shapes.Length; i++)
            new Call(Shapes[i], precision, seed: i).Check(EveryWidth.Kernels(width, precision));
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Attention_has_the_same_bits_on_special_values(RegisterWidth width, Precision precision)
    {
        foreach (int every in new[] { 2, 30, 1000, 10000 })
        {
            new Call(new(2, 8, 32, null, null, [1, 20, 70, 257]), precision, every, every).Check(EveryWidth.Kernels(width, precision));
            new Call(new(1, 3, 10, 20, 30, [1, 40, 41]), precision, every, every).Check(EveryWidth.Kernels(width, precision));
        }
        new Call(new(1, 8, 64, null, null, [40]), precision, 1, size: 1e19f).Check(EveryWidth.Kernels(width, precision));        // scores overflow
        // products are subnormal
        new Call(new(1, 8, 64, null, null, [40]), precision, 2, size: 1e-22f).Check(EveryWidth.Kernels(width, precision));
        // weights underflow to zero
        new Call(new(1, 8, 64, null, null, [40]), precision, 3, size: 6).Check(EveryWidth.Kernels(width, precision));
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Attention_does_not_depend_on_the_number_of_threads(RegisterWidth width, Precision precision)
    {
        foreach (int threads in TestWorkers.Counts)
        {
            new Call(new(2, 8, 64, null, null, [270], 1), precision, 5).Check(EveryWidth.Kernels(width, precision, threads));
            new Call(new(2, 2, 32, 40, 50, [1, 3, 30, 90]), precision, 6).Check(EveryWidth.Kernels(width, precision, threads));
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_long_context_that_is_split_among_more_workers_than_heads_is_the_same(RegisterWidth width, Precision precision)
    {
        // From 1,024 keys on, and where heads do not go evenly into workers, key ranges and channel blocks are shared out.
        foreach (int threads in TestWorkers.Counts)
        {
            new Call(new(2, 8, 64, null, null, [1100], 1), precision, 7).Check(EveryWidth.Kernels(width, precision, threads));
            new Call(new(1, 3, 10, 1030, 1100, [1024, 2000], 1), precision, 8).Check(EveryWidth.Kernels(width, precision, threads));
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_batch_of_long_and_short_contexts_has_the_same_bits_in_any_order(RegisterWidth width, Precision precision)
    {
        foreach (int threads in TestWorkers.Counts)
        {
            new Call(new(1, 2, 32, null, null, [1300, 5, 40], 1), precision, 9).Check(EveryWidth.Kernels(width, precision, threads));
            new Call(new(1, 2, 32, null, null, [5, 1100, 40, 2000, 1], 1), precision, 10).Check(EveryWidth.Kernels(width, precision, threads));
            new Call(new(8, 1, 16, null, null, [.. Enumerable.Range(1, 20), 1500], 1), precision, 11)
                .Check(EveryWidth.Kernels(width, precision, threads));
        }
    }

    [Fact]
    public void Attention_is_as_close_to_the_truth_as_its_roundings_allow()
    {
        foreach (Shape shape in Shapes)
            new Call(shape, Precision.Float32, seed: 40).CheckAgainstDouble(EveryWidth.Kernels(RegisterWidths.Widest, Precision.Float32));
    }

    [Fact]
    public void The_weights_of_the_keys_and_of_the_sink_sum_to_one()
    {
        // Values of one make the output the sum of the weights; the sink's share is what the definition gives it.
        Kernels kernels = EveryWidth.Kernels(RegisterWidths.Widest, Precision.Float32);
        Prop.ForAll(Gen.Choose(1, 300).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (length, seed) =>
        {
            Numbers numbers = new(seed);
            HostCache cache = new(1, 16, null, false);
            cache.Reserve(0, length);
            float[] ones = [.. Enumerable.Repeat(1f, 16)], q = numbers.Floats(16, 2);
            float[][] keys = numbers.Rows(length, 16);
            for (int p = 0; p < length; p++)
                cache.Write(p, keys[p], ones);
            ushort sink = numbers.Bf16(1, 3)[0];
            float[] output = new float[16];
            kernels.Attention.Attend([new(cache, length - 1)], new(q, 1, 16, 16), [Bfloat16.ToSingle(sink)], 1, 16, null, new(output, 1, 16, 16));

            double[] scores = [.. keys.Select(k => k.Zip(q, (a, b) => (double)a * b).Sum() / 4), Bfloat16.ToSingle(sink)];
            double max = scores.Max(), share = Math.Exp(scores[^1] - max) / scores.Sum(s => Math.Exp(s - max));
            return output.All(o => Math.Abs(o + share - 1) <= (length + 60) * Math.ScaleB(1, -24));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_sink_takes_weight_from_every_key()
    {
        Kernels kernels = EveryWidth.Kernels(RegisterWidths.Widest, Precision.Float32);
        HostCache cache = new(1, 2, null, false);
        cache.Reserve(0, 2);
        cache.Write(0, [0, 0], [1, 0]);
        cache.Write(1, [0, 0], [0, 1]);
        foreach ((float sink, float each) in new[] { (float.NegativeInfinity, 1f / 2), (0f, 1f / 3), (float.PositiveInfinity, float.NaN),
            (100f, 0f) })
        {
            float[] output = new float[2];
            kernels.Attention.Attend([new(cache, 1)], new(new float[2], 1, 2, 2), [sink], 1, 2, null, new(output, 1, 2, 2));
            Bits.Equal([each, each], output, $"sink {sink}");
        }
    }

    /// <summary>Sequences with their caches, the rows that ask, and what the definition answers.</summary>
    private sealed class Call
    {
        private readonly Shape _shape;
        private readonly Precision _precision;
        private readonly List<QueryRow> _rows = [];
        private readonly List<float[]> _q = [];
        private readonly List<(float[][] Keys, float[][] Values)> _seen = [];
        private readonly ushort[] _sinks;

        internal Call(Shape shape, Precision precision, int seed, int specialEvery = 1 << 30, float size = 1)
        {
            (_shape, _precision) = (shape, precision);
            bool rounded = precision == Precision.Bfloat16;
            Numbers numbers = new(seed);
            _sinks = numbers.Bf16(shape.KeyValueHeads * shape.Queries, 2);
            if (specialEvery < 100)
                _sinks[numbers.Below(_sinks.Length)] = Bfloat16.FromSingle(Numbers.Specials[numbers.Below(Numbers.Specials.Length)]);
            foreach (int length in shape.Lengths)
            {
                float[][] Cached() =>
                    Rounded(numbers.WithSpecials(numbers.Rows(length, shape.KeyValueHeads * shape.HeadDim, size, rounded), specialEvery));
                float[][] keys = Cached(), values = Cached();
                HostCache cache = new(shape.KeyValueHeads, shape.HeadDim, shape.Ring, rounded);
                for (int position = 0; position < length; position++)
                {
                    cache.Reserve(position, position + 1);
                    cache.Write(position, keys[position], values[position]);
                }
                for (int position = Math.Max(0, length - shape.Asking); position < length; position++)
                {
                    // A ring that has moved on no longer holds what an earlier query sees.
                    int first = shape.Window is int window ? Math.Max(0, position - window + 1) : 0;
                    if (first < cache.FirstHeld)
                        continue;
                    _rows.Add(new(cache, position));
                    _q.Add(Rounded(numbers.WithSpecials(numbers.Rows(1, shape.KeyValueHeads * shape.Queries * shape.HeadDim, size, rounded),
                        specialEvery))[0]);
                    _seen.Add((keys[first..(position + 1)], values[first..(position + 1)]));
                }
            }

            float[][] Rounded(float[][] rows) => Definition.Map(rows, row => [.. row.Select(v => Definition.B(v, precision))]);
        }

        internal void Check(Kernels kernels)
        {
            Poisoned output = Run(kernels);
            for (int row = 0; row < _rows.Count; row++)
            {
                for (int head = 0; head < _sinks.Length; head++)
                {
                    (float[] q, float[][] keys, float[][] values) = Head(row, head);
                    float[] expected = Definition.Attend(q, keys, values, Bfloat16.ToSingle(_sinks[head]), _precision);
                    string what = $"{_shape}, position {_rows[row].Position}, head {head} at {kernels.Width}, {_precision}";
                    Bits.Equal(expected, output.Rows[row].Slice(head * _shape.HeadDim, _shape.HeadDim), what);

                    (float[] shares, float sinkShare) = Definition.Probabilities(q, keys, Bfloat16.ToSingle(_sinks[head]), _precision);
                    float[] shown = new float[_rows[row].Keys(_shape.Window)];
                    float shownSink = kernels.Attention.Probabilities(_rows[row], q, head / _shape.Queries, Bfloat16.ToSingle(_sinks[head]), shown);
                    Bits.Equal([.. shares, sinkShare], [.. shown, shownSink], what);
                }
            }
        }

        internal void CheckAgainstDouble(Kernels kernels)
        {
            Poisoned output = Run(kernels);
            for (int row = 0; row < _rows.Count; row++)
            {
                for (int head = 0; head < _sinks.Length; head++)
                {
                    (float[] q, float[][] keys, float[][] values) = Head(row, head);
                    double[] scores = [.. keys.Select(k => k.Zip(q, (a, b) => (double)a * b).Sum() / Math.Sqrt(q.Length)),
                        Bfloat16.ToSingle(_sinks[head])];
                    double size = keys.Max(k => k.Zip(q, (a, b) => Math.Abs((double)a * b)).Sum() / Math.Sqrt(q.Length)), max = scores.Max();
                    double[] weights = [.. scores.Select(s => Math.Exp(s - max))];

                    // u = 2^−24. A score is off by (⌈d/16⌉ + 4 + 2)·u·Σ|q·k|/√d, its difference from M by u·|s − M| more; exp makes that a
                    // relative error and adds 2u. Numerator and denominator each carry it, and add n and n/16 + 5 roundings.
                    double relative = ((q.Length + 15) / 16 + 6) * size + scores.Max(s => max - s) + 2;
                    double allowed = 1.01 * Math.ScaleB(1, -24) * (2 * relative + keys.Length + keys.Length / 16 + 7);
                    for (int i = 0; i < q.Length; i++)
                    {
                        double exact = values.Select((v, k) => weights[k] * v[i]).Sum() / weights.Sum();
                        double magnitude = values.Select((v, k) => weights[k] * Math.Abs(v[i])).Sum() / weights.Sum();
                        Bits.Within(exact, output.Rows[row][head * q.Length + i], allowed * magnitude,
                            $"{_shape}, position {_rows[row].Position}, head {head}");
                    }
                }
            }
        }

        private Poisoned Run(Kernels kernels)
        {
            Poisoned q = new([.. _q], offset: 1), output = new(_q.Count, _q[0].Length, offset: 2);
            kernels.Attention.Attend([.. _rows], q.Rows, Definition.Widen(_sinks), _shape.KeyValueHeads, _shape.HeadDim, _shape.Window, output.Rows);
            q.RequireUntouched();
            output.RequireUntouched();
            return output;
        }

        private (float[] Q, float[][] Keys, float[][] Values) Head(int row, int head)
        {
            int d = _shape.HeadDim, at = head / _shape.Queries * d;
            return (_q[row].AsSpan(head * d, d).ToArray(), [.. _seen[row].Keys.Select(k => k[at..(at + d)])],
                [.. _seen[row].Values.Select(v => v[at..(at + d)])]);
        }
    }
}
