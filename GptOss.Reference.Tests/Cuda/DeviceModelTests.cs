using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>Whole models by the shipped PTX give the logits hashes of the repository, however their tokens are fed.</summary>
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
    public void A_prompt_at_once_has_the_logits_hash_of_the_pack(string pack) => RequireHash(pack, int.MaxValue);

    [Theory, InlineData("shape-base"), InlineData("shape-head-128"), InlineData("tiny-trace")]
    public void Token_by_token_it_is_the_same(string pack) => RequireHash(pack, 1);

    [Fact]
    public void In_pieces_and_in_company_it_is_the_same() => RequireHash("shape-head-32", 2, 3, 4, 5, 8, 9, 1);

    private void RequireHash(string name, params int[] pieces)
    {
        var pack = GoldenPack.Open(TestData.Golden(name));
        string folder = pack.Seed is { } seed ? _models.Write(pack.ConfigJson!, seed) : TestData.Tiny;
        using DeviceModel model = new(folder, new(7));
        DeviceModel.Tokens sequence = model.NewSequence(), other = model.NewSequence();
        int[] ids = [.. pack.Ids];
        List<float> logits = [];
        for (int at = 0, piece = 0; at < ids.Length; piece++)
        {
            int count = Math.Min(pieces[Math.Min(piece, pieces.Length - 1)], ids.Length - at);
            int[] next = ids[at..(at + count)];
            // With several pieces a second sequence comes along, which reads the prompt backwards.
            float[] made = pieces.Length == 1 ? model.Forward((sequence, next)) : model.Forward((sequence, next), (other, [.. next.Reverse()]));
            at += count;
            logits.AddRange(pieces.Length == 1 ? made : made[..(made.Length / 2)]);
        }
        using LogitsHash hash = new();
        int width = logits.Count / ids.Length;
        foreach (int position in pack.Positions)
            hash.Add(logits.Slice(position * width, width).ToArray());
        Assert.Equal(pack.ExpectedLogitsHash(Precision.Float32), hash.ToString());
    }
}
