using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

/// <summary>
/// One checkpoint, one token sequence, one set of bits: however many threads, however the prompt is cut, alone or in company, at every width.
/// </summary>
[Trait("Category", "Numeric")]
public class SameBitsTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Threads_chunks_company_and_width_change_no_bit_of_the_synthetic_model(RegisterWidth width, Precision precision) =>
        RequireOneHash(models.ShapeBase, SmallModels.BaseIds, width, precision);

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth)), Trait("Speed", "Slow")]
    public void Threads_chunks_company_and_width_change_no_bit_of_the_trained_model(RegisterWidth width, Precision precision) =>
        RequireOneHash(Path.Combine(TestData.Tiny, "original"), SmallModels.Ids(16, 4096, 3), width, precision);

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Threads_chunks_company_and_width_change_no_bit_of_the_fast_profile(RegisterWidth width)
    {
        RequireOneHash(models.ShapeBase, SmallModels.BaseIds, width, Precision.Fast);
        RequireOneHash(models.ShapeBase, SmallModels.BaseIds, width, Precision.Fast, roundDense: true);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    [InlineData(Precision.Fast)]
    public void Both_layouts_of_the_trained_model_give_the_same_logits(Precision precision)
    {
        int[] ids = SmallModels.Ids(30, 4096, 5);
        string Of(string folder)
        {
            using Transformer model = SmallModels.Load(folder, 2, precision: precision);
            return SmallModels.Hash(SmallModels.Logits(model, model.NewSequence(), ids));
        }
        Assert.Equal(Of(Path.Combine(TestData.Tiny, "original")), Of(TestData.Tiny));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void Packed_weights_give_the_same_logits(Precision precision)
    {
        int[] ids = SmallModels.Ids(30, 4096, 5);
        using Transformer plain = SmallModels.Load(TestData.Tiny, 2, precision: precision);
        using var packed = Transformer.Load(TestData.Tiny, new ModelOptions { Threads = 2, Precision = precision, Pack = true });
        Assert.Equal(0, plain.BytesSavedByPacking);
        Assert.True(packed.BytesSavedByPacking > 0);
        foreach (int[] pieces in (int[][])[[30], [1], [7, 1, 5]])
        {
            Assert.Equal(
                SmallModels.Hash(SmallModels.Logits(plain, plain.NewSequence(), ids, pieces)),
                SmallModels.Hash(SmallModels.Logits(packed, packed.NewSequence(), ids, pieces)));
        }
    }

    [Fact]
    public void Rounding_the_dense_weights_belongs_to_the_fast_profile()
    {
        Assert.Throws<ArgumentException>(() => Transformer.Load(TestData.Tiny, new ModelOptions { RoundDense = true }));
        using var rounded = Transformer.Load(TestData.Tiny, new ModelOptions { Threads = 2, Precision = Precision.Fast, RoundDense = true });
        Assert.NotEqual(0, rounded.BytesSavedByPacking);             // more bytes here: rows of 128 columns are filled up to 512
    }

    [Fact]
    public void Packing_can_be_cancelled() => Assert.Throws<OperationCanceledException>(
        () => Transformer.Load(TestData.Tiny, new ModelOptions { Pack = true, Cancellation = new(canceled: true) }));

    [Fact]
    public void The_profiles_differ()
    {
        string Of(Precision precision)
        {
            using Transformer model = SmallModels.Load(models.ShapeBase, precision: precision);
            Assert.Equal(precision, model.Precision);
            return SmallModels.Hash(SmallModels.Logits(model, model.NewSequence(), SmallModels.BaseIds));
        }
        Assert.Equal(3, Enum.GetValues<Precision>().Select(Of).Distinct().Count());
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void A_prompt_of_more_than_one_chunk_has_the_bits_of_its_tokens_fed_one_by_one(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), 2, precision: precision);
        int[] ids = SmallModels.Ids(1100, 64, 1);
        float[] whole = SmallModels.Logits(model, model.NewSequence(), ids);
        Bits.Equal(whole, SmallModels.Logits(model, model.NewSequence(), ids, 1), "token by token");
        Bits.Equal(whole, SmallModels.Logits(model, model.NewSequence(), ids, 511, 2, 513, 1), "in uneven pieces");
        Bits.Equal(whole, SmallModels.Logits(model, model.NewSequence(), ids, 512), "in chunks");
    }

    [Fact, Trait("Speed", "Slow")]
    public void A_batch_of_more_than_one_chunk_has_the_bits_of_each_sequence_alone()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), 2);
        int[][] ids = [.. new[] { 300, 0, 212, 1, 700, 3, 511 }.Select((count, i) => SmallModels.Ids(count, 64, i))];
        Sequence[] sequences = [.. ids.Select(_ => model.NewSequence())];
        List<float> together = [];
        SmallModels.Append(together, model.Forward([.. ids.Select((tokens, i) => new BatchItem(sequences[i], tokens, LogitRows.All))]));
        Assert.Equal(ids.Select(tokens => tokens.Length), sequences.Select(s => s.Length));
        List<float> alone = [.. ids.SelectMany(tokens => SmallModels.Logits(model, model.NewSequence(), tokens))];
        Bits.Equal([.. alone], [.. together], "batch");

        // And they go on from there.
        together.Clear();
        SmallModels.Append(together, model.Forward([.. sequences.Select((s, i) => new BatchItem(s, new[] { i }, LogitRows.Last))]));
        for (int i = 0; i < ids.Length; i++)
        {
            float[] expected = SmallModels.Logits(model, model.NewSequence(), (int[])[.. ids[i], i])[^64..];
            Bits.Equal(expected, together.ToArray().AsSpan(i * 64, 64), $"next token of sequence {i}");
        }
    }

    /// <summary>The full product of threads, chunking and batching against the prompt fed whole on one thread at the widest width.</summary>
    private static void RequireOneHash(string folder, int[] ids, RegisterWidth width, Precision precision, bool roundDense = false)
    {
        EveryWidth.Require(width);
        string expected;
        using (Transformer model = Load(1, RegisterWidths.Widest))
            expected = SmallModels.Hash(SmallModels.Logits(model, model.NewSequence(), ids));
        foreach (int threads in TestWorkers.Counts)
        {
            using Transformer model = Load(threads, width);
            Assert.Equal((threads, width), (model.Threads, model.Width));
            Random random = new(threads);
            foreach (int[] pieces in (int[][])[[ids.Length], [1], [.. Enumerable.Range(0, 40).Select(_ => random.Next(1, 8))]])
            {
                foreach (bool company in new[] { false, true })
                {
                    string found =
                        company ? InCompany(model, ids, pieces) : SmallModels.Hash(SmallModels.Logits(model, model.NewSequence(), ids, pieces));
                    string how = $"{threads} threads, pieces of {string.Join(", ", pieces)}, {(company ? "in company" : "alone")}";
                    Assert.True(expected == found, $"{how}: {found} instead of {expected}.");
                }
            }
        }

        Transformer Load(int threads, RegisterWidth width) => Transformer.Load(folder,
            new ModelOptions { Threads = threads, Width = width, Precision = precision, RoundDense = roundDense });
    }

    /// <summary>Every piece travels between two strangers of other lengths.</summary>
    private static string InCompany(Transformer model, ReadOnlyMemory<int> ids, int[] pieces)
    {
        Sequence own = model.NewSequence(), before = model.NewSequence(), after = model.NewSequence();
        List<float> all = [];
        for (int at = 0, piece = 0; at < ids.Length; piece++)
        {
            int count = Math.Min(pieces[Math.Min(piece, pieces.Length - 1)], ids.Length - at), vocabulary = model.Config.VocabSize;
            Rows rows = model.Forward(
                new BatchItem(before, SmallModels.Ids(1 + piece % 4, vocabulary, piece), LogitRows.Last),
                new BatchItem(own, ids.Slice(at, count), LogitRows.All),
                new BatchItem(after, SmallModels.Ids(2, vocabulary, -piece), LogitRows.None));
            Assert.Equal(1 + count, rows.Count);
            SmallModels.Append(all, rows.Slice(1, count));
            at += count;
        }
        return SmallModels.Hash([.. all]);
    }
}
