using System.Runtime.InteropServices;
using GptOss.Cli.Options;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints;

public class CheckpointTests
{
    [Fact]
    public void Preloaded_weights_are_the_mapped_ones_and_outlive_nothing()
    {
        using Checkpoint mapped = Checkpoint.Open(TestData.Tiny), copied = Checkpoint.Open(TestData.Tiny);
        long reported = 0;
        copied.Preload(new Total(bytes => Interlocked.Add(ref reported, bytes)), TestContext.Current.CancellationToken);
        copied.Preload(cancellation: TestContext.Current.CancellationToken);      // once is enough
        Assert.Equal(copied.Files.Sum(file => file.FileBytes), reported);
        Assert.True(mapped.Bf16("unembedding.weight").Span.SequenceEqual(copied.Bf16("unembedding.weight").Span));
        Assert.True(mapped.U8("block.5.mlp.mlp2_weight.blocks").Span.SequenceEqual(copied.U8("block.5.mlp.mlp2_weight.blocks").Span));

        ReadOnlyMemory<ushort> view = copied.Bf16("norm.scale");
        copied.Dispose();
        Assert.Throws<ObjectDisposedException>(() => view.Span[0]);
    }

    [Fact]
    public void A_preload_that_is_cancelled_leaves_the_mapping_in_use()
    {
        using var checkpoint = Checkpoint.Open(TestData.Tiny);
        Assert.Throws<OperationCanceledException>(() => checkpoint.Preload(cancellation: new CancellationToken(canceled: true)));
        Assert.Equal(128, checkpoint.Bf16("norm.scale").Span.Length);
    }

    [Fact]
    public void A_file_that_became_shorter_is_not_preloaded_and_says_so()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(TestData.Tiny))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        using var checkpoint = Checkpoint.Open(folder.Path);
        using (var file = new FileStream(checkpoint.FilePaths[0], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(file.Length - 1);
        Assert.EndsWith("has become shorter while it was read.",
            Assert.Throws<EndOfStreamException>(() => checkpoint.Preload(cancellation: TestContext.Current.CancellationToken)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Locking_reads_all_weights_and_changes_none(bool preloads)
    {
        using Checkpoint mapped = Checkpoint.Open(TestData.Tiny), locked = Checkpoint.Open(TestData.Tiny);
        if (preloads)
            locked.Preload(cancellation: TestContext.Current.CancellationToken);
        long reported = 0;
        _ = locked.Lock(new Total(bytes => Interlocked.Add(ref reported, bytes)), TestContext.Current.CancellationToken);
        Assert.Equal(locked.FileBytes, reported);
        Assert.True(mapped.Bf16("unembedding.weight").Span.SequenceEqual(locked.Bf16("unembedding.weight").Span));
        Assert.Throws<OperationCanceledException>(() => mapped.Lock(cancellation: new CancellationToken(canceled: true)));
    }

    private sealed class Total(Action<long> add) : IProgress<long>
    {
        public void Report(long value) => add(value);
    }

    [Fact]
    public void Both_layouts_of_the_tiny_checkpoint_hold_the_same_tensors()
    {
        using var huggingFace = Checkpoint.Open(TestData.Tiny);
        using var original = Checkpoint.Open(Path.Combine(TestData.Tiny, "original"));
        Assert.Equal((CheckpointLayout.HuggingFace, CheckpointLayout.Original), (huggingFace.Layout, original.Layout));
        Assert.Equal((4_590_480, 4_590_480), (huggingFace.TotalBytes, original.TotalBytes));
        Assert.Equal(original.Config, huggingFace.Config);
        Assert.Empty(huggingFace.Notices);
        Assert.Empty(original.Notices);
        int compared = 0;
        foreach (ExpectedTensor tensor in TensorNames.Inventory(original.Config, CheckpointLayout.Original))
        {
            if (tensor.DType == DType.U8)
                Assert.True(original.U8(tensor.Name).Span.SequenceEqual(huggingFace.U8(tensor.Name).Span), tensor.Name);
            else
                Assert.True(original.Bf16(tensor.Name).Span.SequenceEqual(Joined(huggingFace.Bf16Parts(tensor.Name))), tensor.Name);
            compared++;
        }
        Assert.Equal(6 * 15 + 3, compared);
    }

    [Fact]
    public void Query_key_and_value_are_one_part_in_the_original_layout_and_three_in_the_other()
    {
        using var huggingFace = Checkpoint.Open(TestData.Tiny);
        using var original = Checkpoint.Open(Path.Combine(TestData.Tiny, "original"));
        Assert.Equal([512 * 128], original.Bf16Parts("block.5.attn.qkv.weight").Select(part => part.Length));
        Assert.Equal([256 * 128, 128 * 128, 128 * 128], huggingFace.Bf16Parts("block.5.attn.qkv.weight").Select(part => part.Length));
        Assert.Equal([256, 128, 128], huggingFace.Bf16Parts("block.0.attn.qkv.bias").Select(part => part.Length));
        Assert.Equal("'block.0.attn.qkv.bias' is stored as 3 tensors; read them with Bf16Parts.",
            Assert.Throws<InvalidOperationException>(() => huggingFace.Bf16("block.0.attn.qkv.bias")).Message);
    }

    [Fact]
    public void A_view_is_refused_for_a_name_the_model_does_not_have_and_for_the_wrong_type()
    {
        using var checkpoint = Checkpoint.Open(TestData.Tiny);
        Assert.Throws<ArgumentException>(() => checkpoint.Bf16("block.6.attn.sinks"));
        Assert.Throws<ArgumentException>(() => checkpoint.U8("norm.scale"));
        Assert.Throws<ArgumentException>(() => checkpoint.Bf16("block.0.mlp.mlp1_weight.scales"));
    }

    [Fact]
    public void Views_throw_after_the_checkpoint_is_closed()
    {
        var checkpoint = Checkpoint.Open(TestData.Tiny);
        ReadOnlyMemory<ushort> norm = checkpoint.Bf16(TensorNames.FinalNorm);
        Assert.Equal(128, norm.Span.Length);
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => norm.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Bf16(TensorNames.FinalNorm));
    }

    [Fact]
    public void A_file_opens_like_its_folder()
    {
        using var checkpoint = Checkpoint.Open(Path.Combine(TestData.Tiny, "original", "model.safetensors"));
        Assert.Equal(CheckpointLayout.Original, checkpoint.Layout);
        Assert.Equal(93, checkpoint.Tensors.Count);
        Assert.Single(checkpoint.Files);
    }

    private static ReadOnlySpan<ushort> Joined(IReadOnlyList<ReadOnlyMemory<ushort>> parts)
    {
        var joined = new List<ushort>();
        foreach (ReadOnlyMemory<ushort> part in parts)
            joined.AddRange(part.Span);
        return CollectionsMarshal.AsSpan(joined);
    }
}
