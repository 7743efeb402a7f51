using System.Globalization;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Packs;

/// <summary>Every golden pack: within the budgets of the published reference, and the logits' bits as the repository expects them.</summary>
public class PackTests
{
    private static readonly string[] Big = (Environment.GetEnvironmentVariable("GPTOSS_BIG_TESTS") ?? "").Split(',', StringSplitOptions.TrimEntries);

    // Multiplications a pack takes: tens of millions, seconds where each costs nanoseconds (emulated, or without intrinsics).
    [Theory, Trait("Category", "Numeric")]
    [InlineData("shape-base")]
    [InlineData("shape-one-key-value-head-per-query-head")]
    [InlineData("shape-no-yarn")]
    [InlineData("shape-head-32")]
    [InlineData("shape-head-128")]
    [InlineData("shape-clamped")]
    [InlineData("defects")]
    [InlineData("tiny-trace")]
    public void A_small_pack_verifies(string name) => Verify(name, RegisterWidths.Widest);

    // 3e8 to 5e9 multiplications each.
    [Theory, Trait("Category", "Numeric"), Trait("Speed", "Slow")]
    [InlineData("shape-one-key-value-head-all-experts")]
    [InlineData("shape-deep")]
    [InlineData("tiny-lengths")]
    public void A_larger_pack_verifies(string name) => Verify(name, RegisterWidths.Widest);

    // 3e10: five thousand keys and queries in the full layer. The widest registers and those that every machine has are enough.
    [Theory, Trait("Speed", "Slow")]
    [InlineData(RegisterWidth.V512)]
    [InlineData(RegisterWidth.V128)]
    public void The_long_pack_verifies(RegisterWidth width) =>
        Verify("shape-long", width == RegisterWidth.V128 ? width : RegisterWidths.Widest);

    [Fact, Trait("Speed", "Slow")]
    public void Every_greedy_continuation_is_the_recorded_one() => Verify("tiny-greedy", RegisterWidths.Widest);

    // wide writes a checkpoint of 977 MB to the temporary folder, full-20b one of 13.8 GB.
    [Theory, Trait("Speed", "Slow")]
    [InlineData("wide")]
    [InlineData("full-20b")]
    public void A_big_pack_verifies(string name)
    {
        Assert.SkipUnless(Big.Contains(name), $"{name} runs where GPTOSS_BIG_TESTS names it (as in GPTOSS_BIG_TESTS=wide,full-20b).");
        Verify(name, RegisterWidths.Widest);
    }

    [Theory]
    [InlineData("shape-base")]
    [InlineData("shape-one-key-value-head-per-query-head")]
    [InlineData("shape-no-yarn")]
    [InlineData("shape-head-32")]
    [InlineData("shape-head-128")]
    [InlineData("shape-clamped")]
    [InlineData("shape-deep")]
    [InlineData("tiny-trace")]
    [InlineData("defects")]
    public void The_hash_is_the_same_at_every_width_and_with_every_number_of_threads(string name)
    {
        GoldenPack pack = GoldenPack.Open(TestData.Golden(name));
        using PackCheckpoint checkpoint = PackCheckpoint.Of(pack, null, null, null, TestContext.Current.CancellationToken);
        foreach (Precision precision in Enum.GetValues<Precision>().Where(pack.Has))
        {
            string expected = pack.ExpectedLogitsHash(precision)!;
            foreach (RegisterWidth width in Enum.GetValues<RegisterWidth>().Where(width => width.IsSupported()))
            {
                foreach (int threads in (ReadOnlySpan<int>)[1, 3])
                {
                    using Transformer model = Transformer.Load(checkpoint.Model, new() { Precision = precision, Width = width, Threads = threads });
                    var options = new TraceOptions { Positions = pack.Positions, Stages = StageFilter.Parse("logits") };
                    string found = Tracer.Record(model, pack.Ids.ToArray(), options, TestContext.Current.CancellationToken).LogitsHash!;
                    Assert.True(expected == found, $"{name}, {precision}, {width}, {threads} threads: {found}, expected {expected}");
                }
            }
        }
    }

    [Fact]
    public void Every_pack_is_verified_here()
    {
        string[] known =
        [
            .. from method in typeof(PackTests).GetMethods()
               from data in method.GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>()
               from name in data.Data.OfType<string>()
               select name,
            "shape-long", "tiny-greedy",
        ];
        string[] packs =
        [
            .. from folder in Directory.EnumerateDirectories(TestData.Golden("."))
               where File.Exists(Path.Combine(folder, "manifest.json"))
               select Path.GetFileName(folder),
        ];
        Assert.Empty(packs.Except(known));
        Assert.NotEmpty(packs);
    }

    private static void Verify(string name, RegisterWidth width)
    {
        var pack = GoldenPack.Open(TestData.Golden(name));
        Assert.All(Enum.GetValues<Precision>().Where(pack.Has), precision => Assert.NotNull(pack.ExpectedLogitsHash(precision)));
        PackReport report = Verifier.Verify(pack, new() { Width = width }, TestContext.Current.CancellationToken);
        Assert.NotEmpty(report.Sections.SelectMany(section => section.Stages));
        Assert.True(report.Passed, Failures(report));
    }

    private static string Failures(PackReport report) => string.Join('\n',
        from section in report.Sections
        let stages = from stage in section.Stages
                     where !stage.Passed
                     select string.Create(CultureInfo.InvariantCulture,
                         $"{stage.Name}: {stage.Error:e2} of the root mean square, allowed {stage.Allowed:e2}, equal bits {stage.EqualBits:p3}")
        from line in section.HashDiffers ? stages.Append($"logits hash {section.LogitsHash}, expected {section.ExpectedLogitsHash}") : stages
        select $"{report.Pack}, {section.Title}: {line}");
}
