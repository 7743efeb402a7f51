using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Synthetic;

/// <summary>A synthetic checkpoint tells its seed, and one changed byte anywhere takes it away.</summary>
public sealed class SyntheticSeedTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Unmix_undoes_mix() => Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), z =>
    {
        Assert.Equal(z, SplitMix64.Unmix(SplitMix64.Mix(z)));
        Assert.Equal(z, SplitMix64.Mix(SplitMix64.Unmix(z)));
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0UL)]
    [InlineData(7UL)]
    [InlineData(0x8000_0000_0000_0001UL)]
    [InlineData(ulong.MaxValue)]
    public void A_synthetic_checkpoint_tells_its_seed(ulong seed)
    {
        SyntheticCheckpoint.Write(_folder.Path, SmallShapes.SixteenPositions, seed, cancellation: Cancellation);
        using var checkpoint = Checkpoint.Open(_folder.Path);
        var last = new Last();
        Assert.Equal(seed, SyntheticSeed.Find(checkpoint, last, Cancellation));
        Assert.Equal(checkpoint.TotalBytes, last.Value);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(1)]
    public void A_changed_byte_is_no_seed_s(double place)
    {
        SyntheticCheckpoint.Write(_folder.Path, SmallShapes.SixteenPositions, 7, cancellation: Cancellation);
        string model = _folder.File("model.safetensors");
        long dataBytes;
        using (var file = SafeTensorsFile.Open(model))
            dataBytes = file.Tensors[^1].End;
        using (FileStream stream = File.Open(model, FileMode.Open))
        {
            stream.Position = stream.Length - dataBytes + (long)(place * (dataBytes - 1));
            int before = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(before ^ 1));
        }
        using var checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Null(SyntheticSeed.Find(checkpoint, cancellation: Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("original")]
    public void Trained_weights_have_no_seed(string layout)
    {
        using var checkpoint = Checkpoint.Open(Path.Combine(TestData.Tiny, layout));
        Assert.Null(SyntheticSeed.Find(checkpoint, cancellation: Cancellation));
    }

    private sealed class Last : IProgress<long>
    {
        internal long Value { get; private set; }

        public void Report(long value) => Value = value;
    }
}
