using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>Whole models by the shipped device and PTX give the logits hashes of the repository, however their tokens are fed.</summary>
public sealed class DeviceModelTests : IDisposable
{
    private readonly SmallModels _models = new();

    public static TheoryData<string> Packs =>
    [
        "shape-base", "shape-clamped", "shape-no-yarn", "shape-head-32", "shape-head-128", "shape-deep", "shape-one-key-value-head-per-query-head",
        "shape-one-key-value-head-all-experts", "tiny-trace",
    ];

    public void Dispose() => _models.Dispose();

    [Theory, MemberData(nameof(Packs)), Trait("Speed", "Slow")]
    public void A_prompt_at_once_has_the_logits_hash_of_the_pack(string pack) => RequireHash(pack, null, int.MaxValue);

    [Theory, InlineData("shape-base"), InlineData("shape-head-128"), InlineData("tiny-trace")]
    public void Token_by_token_it_is_the_same(string pack) => RequireHash(pack, null, 1);

    [Fact]
    public void In_pieces_and_in_company_it_is_the_same() => RequireHash("shape-head-32", null, 2, 3, 4, 5, 8, 9, 1);

    [Theory]
    [InlineData("shape-base", 0b00)]
    [InlineData("shape-base", 0b01)]
    [InlineData("shape-base", 0b10)]
    [InlineData("shape-deep", 0b0101_0101_0110)]
    [InlineData("tiny-trace", 0b000111)]
    public void Wherever_the_experts_of_a_layer_are_it_is_the_same(string pack, int layers) => RequireHash(pack, layers, 13, 1, 9);

    [Fact]
    public void Verification_holds_every_stage_to_its_budget()
    {
        using EmulatedDevice device = new();
        var pack = GoldenPack.Open(TestData.Golden("shape-head-32"));
        PackReport report = Verifier.Verify(pack, new VerifyOptions { Precision = Precision.Float32, Threads = 1, Device = device.Device },
            TestContext.Current.CancellationToken);
        Assert.True(report.Passed);
        Assert.NotEqual(0, device.WarpInstructions);
        Assert.Equal(0, device.Allocations);
    }

    private void RequireHash(string name, int? expertLayers, params int[] pieces)
    {
        var pack = GoldenPack.Open(TestData.Golden(name));
        string folder = pack.Seed is { } seed ? _models.Write(pack.ConfigJson!, seed) : TestData.Tiny;
        using EmulatedDevice device = new(7, expertLayers is { } held ? layer => (held >> layer & 1) != 0 : null);
        List<float> logits = [];
        int[] ids = [.. pack.Ids];
        using (Transformer model = device.Load(folder))
        {
            Sequence sequence = model.NewSequence(), other = model.NewSequence();
            for (int at = 0, piece = 0; at < ids.Length; piece++)
            {
                int count = Math.Min(pieces[Math.Min(piece, pieces.Length - 1)], ids.Length - at);
                int[] next = ids[at..(at + count)];
                // With several pieces a second sequence comes along, which reads the prompt backwards.
                Rows rows = pieces.Length == 1 ? model.Forward(new BatchItem(sequence, next, LogitRows.All))
                    : model.Forward(new BatchItem(sequence, next, LogitRows.All), new BatchItem(other, next.Reverse().ToArray(), LogitRows.None));
                SmallModels.Append(logits, rows);
                at += count;
            }
        }
        Assert.Equal((0, 0), (device.Allocations, device.Recordings));
        if (pieces is [1])
            Assert.NotEqual(0, device.Replays);        // so both ways, as launches and as replays, have given the hash
        using LogitsHash hash = new();
        int width = logits.Count / ids.Length;
        foreach (int position in pack.Positions)
            hash.Add(logits.Slice(position * width, width).ToArray());
        Assert.Equal(pack.ExpectedLogitsHash(Precision.Float32), hash.ToString());
    }
}
