namespace GptOss.Reference.Checkpoints;

/// <summary>Finds the seed of a synthetic checkpoint in its own weights.</summary>
/// <remarks>
/// The blocks of an expert are the generator's words as they come, and each step of the generator can be undone: the first eight bytes give the one seed that
/// could have made them. Whether it made the checkpoint is then seen by making every tensor again.
/// </remarks>
internal static class SyntheticSeed
{
    private const string Words = "block.0.mlp.mlp1_weight.blocks";
    private const int ChunkBytes = 1 << 20;

    /// <summary>The seed whose tensors are these, all of them and bit for bit; null where there is none.</summary>
    /// <param name="checkpoint">Any checkpoint; one that is not synthetic shows it in its first MiB.</param>
    /// <param name="progress">Receives bytes compared so far, ascending.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    internal static ulong? Find(Checkpoint checkpoint, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        if (checkpoint.Layout != CheckpointLayout.Original)
            return null;                               // synthetic checkpoints are written in the original layout
        ulong seed = SyntheticTensor.SeedOf(Words, checkpoint.U8(Words).Span);
        var source = new SyntheticTensor.Source(checkpoint.Config, seed);
        long done = 0;
        object reporting = new();
        foreach (SafeTensorsFile file in checkpoint.Files)
        {
            foreach (TensorInfo tensor in file.Tensors)
            {
                SyntheticTensor made = source.Tensor(tensor.Name);
                ReadOnlyMemory<byte> stored = file.Bytes(tensor.Name);
                int chunks = (int)((tensor.ByteCount + ChunkBytes - 1) / ChunkBytes);
                ParallelLoopResult loop = Parallel.For(0, chunks, new ParallelOptions { CancellationToken = cancellation }, () => new byte[ChunkBytes], (chunk, state, buffer) =>
                {
                    long at = (long)chunk * ChunkBytes;
                    Span<byte> expected = buffer.AsSpan(0, (int)Math.Min(ChunkBytes, tensor.ByteCount - at));
                    made.Fill(at, expected);
                    if (!expected.SequenceEqual(stored.Span.Slice((int)at, expected.Length)))
                    {
                        state.Stop();
                        return buffer;
                    }
                    lock (reporting)
                        progress?.Report(done += expected.Length);
                    return buffer;
                }, _ => { });
                if (!loop.IsCompleted)
                    return null;
            }
        }
        return seed;
    }
}
