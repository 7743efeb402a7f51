using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Checkpoints;

/// <summary>The open files of a checkpoint, whatever their container: tensors by the names of the original layout.</summary>
internal interface ITensorSource : IDisposable
{
    /// <summary>Paths of the files.</summary>
    IReadOnlyList<string> Paths { get; }

    /// <summary>Every tensor under its stored name, in file and data order.</summary>
    IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>Bytes of all files.</summary>
    long FileBytes { get; }

    /// <summary>The matrices of a tensor, as the pieces it is stored in, which follow each other along its rows.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not a matrix.</exception>
    IReadOnlyList<Weights> Matrices(string originalName);

    /// <summary>The values of a bias, gain or sinks, as the pieces it is stored in.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor.</exception>
    IReadOnlyList<StoredVector> Vectors(string originalName);

    /// <summary>Reads every weight and refuses the first that is not a finite number.</summary>
    /// <returns>How many values and scales there are.</returns>
    /// <exception cref="CheckpointFormatException">Where it is.</exception>
    long RequireNumbers(CancellationToken cancellation);

    /// <summary>Part of the bytes of one of <see cref="Tensors"/>.</summary>
    ReadOnlySpan<byte> Part(StoredTensor tensor, long offset, int count);

    /// <summary>Reads all files into private memory.</summary>
    void Preload(IProgress<long>? progress, CancellationToken cancellation);

    /// <summary>Reads all pages into memory and keeps them there.</summary>
    /// <returns>Whether the system lets this process lock so much.</returns>
    bool Lock(IProgress<long>? progress, CancellationToken cancellation);
}
