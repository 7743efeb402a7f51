using System.Runtime.InteropServices;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Cuda;

/// <summary>
/// Shows stages that the card computed to an observer: they are copied to this process's memory, shown, and copied back, since the observer may have
/// changed them. Without an observer nothing is copied.
/// </summary>
/// <param name="gpu">The card.</param>
internal sealed class StageRows(Gpu gpu)
{
    // Behind the last row kernels may read, should the observer use them.
    private const int Slack = 64;

    private Memory<float> _memory;

    /// <summary>Shows rows without gaps.</summary>
    internal void Show<TObserver>(Chunk chunk, Stage stage, int layer, ulong address, int width, ref TObserver observer)
        where TObserver : struct, IStageObserver
    {
        if (!TObserver.IsActive)
            return;
        Rows rows = Download(address, chunk.Count, width);
        chunk.Show(stage, layer, rows, ref observer);
        Upload(rows, address);
    }

    /// <summary>Rows from the card; valid until the next call.</summary>
    internal Rows Download(ulong address, int count, int width)
    {
        int floats = checked(count * width);
        if (_memory.Length < floats + Slack)
            _memory = AlignedBuffer.Allocate<float>(floats + Slack);
        Rows rows = new(_memory.Span, count, width, width);
        Download(gpu, address, rows);
        return rows;
    }

    /// <summary>Rows without gaps to the card.</summary>
    internal void Upload(Rows rows, ulong address) => Upload(gpu, rows, address);

    /// <summary>Copies rows from the card, where they have no gaps.</summary>
    internal static void Download(Gpu gpu, ulong address, Rows rows)
    {
        if (rows.Stride == rows.Width)
        {
            gpu.Download(address, Bytes(rows));
            return;
        }
        for (int row = 0; row < rows.Count; row++)
            gpu.Download(address + sizeof(float) * (ulong)rows.Width * (ulong)row, MemoryMarshal.AsBytes(rows[row]));
    }

    /// <summary>Copies rows to the card, where they have no gaps.</summary>
    internal static void Upload(Gpu gpu, Rows rows, ulong address)
    {
        if (rows.Stride == rows.Width)
        {
            gpu.Upload(Bytes(rows), address);
            return;
        }
        for (int row = 0; row < rows.Count; row++)
            gpu.Upload(MemoryMarshal.AsBytes(rows[row]), address + sizeof(float) * (ulong)rows.Width * (ulong)row);
    }

    private static Span<byte> Bytes(Rows rows) =>
        MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref rows.First, checked(rows.Count * rows.Width)));
}
