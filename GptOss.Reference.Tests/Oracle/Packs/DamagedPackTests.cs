using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Packs;

/// <summary>Whatever happens to a pack, it is read, or it is refused with one sentence; nothing else comes out.</summary>
public sealed class DamagedPackTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _manifest, _stages;
    private readonly string _model;

    public DamagedPackTests()
    {
        _model = _folder.File("model");
        SyntheticCheckpoint.Write(_model, SmallModels.Smallest, 7, cancellation: Cancellation);
        using var model = Transformer.Load(_model, new() { Threads = 1 });
        TraceFile.Write(model, new[] { 5, 30, 17 }, _folder.File("pack"), new() { Positions = [0, 2], Pack = new() }, Cancellation);
        _manifest = File.ReadAllBytes(_folder.File("pack/manifest.json"));
        _stages = File.ReadAllBytes(_folder.File("pack/stages.safetensors"));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_damaged_manifest_is_read_or_refused() =>
    Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(Damages(_manifest.Length), damage =>
    {
        _folder.Write("pack/manifest.json", damage.On(_manifest));
        _ = Refusal(() => GoldenPack.Open(_folder.File("pack")));
    }));

    [Theory]
    [InlineData("-1", "-1")]
    [InlineData("[]", "a list")]
    public void A_configuration_that_is_not_an_object_is_refused_by_its_name(string config, string shown)
    {
        JsonNode manifest = JsonNode.Parse(_manifest)!;
        manifest["config"] = JsonNode.Parse(config);
        _folder.Write("pack/manifest.json", manifest.ToJsonString());
        Assert.Equal($"manifest.json: config is {shown}; expected an object.", Refusal(() => GoldenPack.Open(_folder.File("pack"))));
    }

    [Fact]
    public void Damaged_stages_are_found() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(Damages(_stages.Length), damage =>
    {
        byte[] damaged = damage.On(_stages);
        _folder.Write("pack/stages.safetensors", damaged);
        PackReport? report = null;
        string? refusal = Refusal(() =>
            report = Verifier.Verify(GoldenPack.Open(_folder.File("pack")), new() { Model = _model, Threads = 1 }, Cancellation));
        Assert.Equal(damaged.AsSpan().SequenceEqual(_stages), report?.Passed == true);
        Assert.True(report is not null || refusal is not null);
    }));

    private static string? Refusal(Action open)
    {
        try
        {
            open();
            return null;
        }
        catch (CheckpointFormatException e)
        {
            Assert.DoesNotContain('\n', e.Message);
            Assert.InRange(e.Message.Length, 10, 1000);
            return e.Message;
        }
    }

    private static Arbitrary<Damage> Damages(int length) =>
        (from at in Gen.Choose(0, length - 1)
         from kind in Gen.Choose(0, 3)
         from value in Gen.Choose(0, 255)
         from count in Gen.Choose(1, 40)
         select new Damage(at, kind, (byte)value, count)).ToArbitrary();

    /// <summary>A byte written over, a run left out, a run repeated, or an end cut off.</summary>
    private sealed record Damage(int At, int Kind, byte Value, int Count)
    {
        internal byte[] On(byte[] sound)
        {
            int end = Math.Min(sound.Length, At + Count);
            return Kind switch
            {
                0 => [.. sound[..At], Value, .. sound[(At + 1)..]],
                1 => [.. sound[..At], .. sound[end..]],
                2 => [.. sound[..end], .. sound[At..]],
                _ => sound[..At],
            };
        }
    }
}
