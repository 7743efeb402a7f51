using System.Runtime.InteropServices;
using GptOss.Reference.Cuda;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>Rotation, caches and attention of the shipped PTX against the scalar kernels.</summary>
public class AttentionKernelTests
{
    // Heads and key/value heads of every pack and of the published models, every head dimension, windows from one position up.
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 8, 2, 64, 16 }, { 8, 2, 64, 0 }, { 4, 2, 64, 16 }, { 4, 2, 128, 16 }, { 4, 2, 128, 0 }, { 4, 2, 32, 16 }, { 4, 2, 32, 0 },
        { 16, 1, 64, 128 }, { 3, 3, 64, 1 }, { 2, 1, 32, 8 }, { 64, 8, 64, 128 }, { 6, 2, 64, 0 },
    };

    [Theory, MemberData(nameof(Shapes))]
    public void Attention_has_the_bits_of_the_processor(int heads, int kvHeads, int dim, int window)
    {
        int chunk = heads == 64 ? 3 : 9, most = heads == 64 ? 66 : 150;
        DeviceAttention shape = new(heads, kvHeads, dim, window, window == 0 ? int.MaxValue : window + chunk);
        foreach (bool special in new[] { false, true })
        {
            Layer layer = new(new(heads + dim + window), shape);
            Sequence one = layer.NewSequence(), two = layer.NewSequence();
            // Prefill, then both together as in a batch: 64 keys a block and a tile, 128 a turn of the softmax, rings that go round.
            foreach (int count in new[] { 1, chunk })
                layer.Pass(special, (two, count));
            while (one.Length < most)
                layer.Pass(false, (one, Math.Min(chunk, most - one.Length)));
            layer.Pass(special, (one, 1), (two, 2));
            layer.Pass(special, (two, 1));
        }
    }

    // 64 keys a block of scores, 2048 one of exponentials, 256 a tile of few tokens, less where many heads share a key/value head.
    [Theory]
    [InlineData(8, 1, 64, 2047)]
    [InlineData(4, 2, 32, 4090)]
    [InlineData(3, 1, 128, 510)]
    [InlineData(2, 2, 32, 255)]
    [InlineData(56, 1, 32, 190)]
    public void Attention_over_long_contexts_has_the_bits_of_the_processor(int heads, int kvHeads, int dim, int keys)
    {
        Layer layer = new(new(keys), new(heads, kvHeads, dim, 0, int.MaxValue));
        Sequence sequence = layer.NewSequence();
        layer.Fill(sequence, keys);
        layer.Pass(false, (sequence, 1));
        layer.Pass(true, (sequence, 2));
        layer.Pass(false, (sequence, 9));
    }

    [Fact]
    public void Memory_for_the_scores_of_less_than_one_token_is_refused()
    {
        DeviceRun run = new(1);
        DeviceAttention shape = new(2, 1, 32, 0, int.MaxValue);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => run.Device.Attend(0, 0, 0, DeviceKernels.AttendBytes(100, shape) - 1, 0, new DeviceTokens(1, 0, 0, 100), shape));
    }

    /// <summary>Keys and values of one sequence on both sides.</summary>
    internal sealed class Sequence(HostCache host)
    {
        internal HostCache Host => host;

        internal int Length { get; set; }

        internal List<ulong> Pages { get; } = [];
    }

    internal sealed class Layer(DeviceRun run, DeviceAttention shape)
    {
        private readonly float[] _sinks = run.Floats(shape.Heads);

        internal Sequence NewSequence() =>
            new(new HostCache(shape.KeyValueHeads, shape.HeadDim, shape.Places == int.MaxValue ? null : shape.Places, false));

        /// <summary>Keys and values of so many positions, made up rather than computed.</summary>
        internal void Fill(Sequence sequence, int count)
        {
            sequence.Host.Reserve(0, count);
            int width = shape.KeyValueHeads * shape.HeadDim, half = shape.KeyValueHeads;
            for (; sequence.Length < count; sequence.Length++)
            {
                int slot = sequence.Length % DeviceAttention.PagePositions;
                if (slot == 0)
                    sequence.Pages.Add(run.Gpu.Allocate(shape.PageBytes));
                float[] row = run.Floats(2 * width);
                sequence.Host.Write(sequence.Length, row.AsSpan(0, width), row.AsSpan(width));
                for (int head = 0; head < 2 * half; head++)
                {
                    ulong at = sizeof(float) * (ulong)(shape.HeadDim * (head * DeviceAttention.PagePositions + slot));
                    run.Gpu.Upload(MemoryMarshal.AsBytes(row.AsSpan(head * shape.HeadDim, shape.HeadDim)), sequence.Pages[^1] + at);
                }
            }
        }

        /// <summary>Feeds some new tokens of some sequences to both sides and compares.</summary>
        internal void Pass(bool special, params ReadOnlySpan<(Sequence Sequence, int Count)> items)
        {
            int half = shape.HeadDim / 2, keyed = (shape.Heads + shape.KeyValueHeads) * shape.HeadDim, count = 0;
            List<QueryRow> queries = [];
            List<ulong> tables = [];
            foreach ((Sequence sequence, int tokens) in items)
            {
                int end = sequence.Length + tokens;
                sequence.Host.Reserve(sequence.Length, end);
                int places = Math.Min(end, shape.Places);
                while (sequence.Pages.Count * DeviceAttention.PagePositions < places)
                    sequence.Pages.Add(run.Gpu.Allocate(shape.PageBytes));
                ulong table = run.Put<ulong>(sequence.Pages.ToArray());
                for (int i = 0; i < tokens; i++, count++)
                {
                    queries.Add(new(sequence.Host, sequence.Length++));
                    tables.Add(table);
                }
            }
            float[] qkv = run.Floats(count * shape.Width, special, 4000), turns = run.Floats(count * shape.HeadDim);
            float[] before = [.. qkv], expected = new float[count * shape.Heads * shape.HeadDim];
            Rows rows = DeviceRun.Rows(qkv, shape.Width), cosines = new(turns, count, half, shape.HeadDim),
                sines = new(turns.AsSpan(half), count, half, shape.HeadDim), q = rows.Columns(0, shape.Heads * shape.HeadDim);
            run.Scalar.RowWise.Rotate(rows.Columns(0, keyed), cosines, sines);
            for (int i = 0; i < count; i++)
            {
                queries[i].Cache.Write(queries[i].Position, rows[i][(shape.Heads * shape.HeadDim)..keyed], rows[i][keyed..]);
            }
            run.Scalar.Attention.Attend([.. queries], q, _sinks, shape.KeyValueHeads, shape.HeadDim, shape.Window == 0 ? null : shape.Window,
                DeviceRun.Rows(expected, shape.Heads * shape.HeadDim));

            int mostKeys = queries.Max(query => query.Position) + 1;
            DeviceTokens on = new(count, run.Put<int>(queries.Select(query => query.Position).ToArray()), run.Put<ulong>(tables.ToArray()), mostKeys);
            ulong gotQkv = run.Put<float>(before), got = run.Empty(expected.Length);
            // Memory for the scores of all tokens, or of some, which are then computed in turns.
            long bytes = DeviceKernels.AttendBytes(mostKeys, shape) * (1 + run.Numbers.Below(count));
            ulong scratch = run.Gpu.Allocate(bytes);
            run.Device.RotateAndKeep(gotQkv, run.Keep(turns), on, shape);
            run.Device.Keep(gotQkv, on, shape);                            // the same rows again: nothing changes
            run.Device.Attend(gotQkv, run.Keep(_sinks), scratch, bytes, got, on, shape);
            run.RequireSame(qkv, gotQkv, $"rotation at {mostKeys - 1}");
            run.RequireSame(expected, got, $"attention over {mostKeys} keys");
        }
    }
}
