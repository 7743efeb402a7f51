using System.Collections.Concurrent;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using Microsoft.Win32.SafeHandles;

namespace GptOss.Reference.Oracle.Synthetic;

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
        if (checkpoint.Layout != CheckpointLayout.Original || checkpoint.Files is not [var file])
            return null;                               // synthetic checkpoints are one file in the original layout
        ulong seed = SyntheticTensor.SeedOf(Words, checkpoint.U8(Words).Span);
        return IsMadeBy(new SyntheticTensor.Source(checkpoint.Config, seed), file, progress, cancellation) ? seed : null;
    }

    // Read as a file and not through its mapping: pages that are faulted in one by one come at a fraction of the disk's speed.
    private static bool IsMadeBy(SyntheticTensor.Source source, SafeTensorsFile file, IProgress<long>? progress, CancellationToken cancellation)
    {
        using SafeFileHandle handle = File.OpenHandle(file.Path, options: FileOptions.SequentialScan);
        long done = 0;
        object reporting = new();
        ParallelLoopResult loop = Parallel.ForEach(
            Partitioner.Create(Chunks(source, file), EnumerablePartitionerOptions.NoBuffering), new ParallelOptions { CancellationToken = cancellation },
            () => new byte[2 * ChunkBytes],
            (chunk, state, buffer) =>
            {
                Span<byte> made = buffer.AsSpan(0, chunk.Bytes), stored = buffer.AsSpan(ChunkBytes, chunk.Bytes);
                chunk.Tensor.Fill(chunk.Position, made);
                if (RandomAccess.Read(handle, stored, chunk.FileOffset) != chunk.Bytes || !made.SequenceEqual(stored))
                    state.Stop();
                lock (reporting)
                    progress?.Report(done += chunk.Bytes);
                return buffer;
            },
            _ => { });
        return loop.IsCompleted;
    }

    private readonly record struct Chunk(SyntheticTensor Tensor, long Position, long FileOffset, int Bytes);

    private static IEnumerable<Chunk> Chunks(SyntheticTensor.Source source, SafeTensorsFile file)
    {
        long dataStart = file.FileBytes - file.Tensors[^1].End;            // tensors tile the data section
        foreach (TensorInfo tensor in file.Tensors)
        {
            SyntheticTensor made = source.Tensor(tensor.Name);
            for (long at = 0; at < tensor.ByteCount; at += ChunkBytes)
                yield return new(made, at, dataStart + tensor.Begin + at, (int)Math.Min(ChunkBytes, tensor.ByteCount - at));
        }
    }
}
