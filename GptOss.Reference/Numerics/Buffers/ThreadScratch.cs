namespace GptOss.Reference.Numerics.Buffers;

/// <summary>Aligned memory of each worker's own, kept between kernels, so that a kernel allocates only in its first run.</summary>
internal static class ThreadScratch
{
    [ThreadStatic]
    private static Memory<float> t_floats;

    /// <summary><paramref name="length"/> floats of this thread, uninitialised; the next call on the same thread returns the same memory.</summary>
    internal static Span<float> Floats(int length)
    {
        if (t_floats.Length < length)
            t_floats = AlignedBuffer.Allocate<float>((int)Math.Max(length, Math.Min(2L * t_floats.Length, int.MaxValue / 2)));
        return t_floats.Span[..length];
    }
}
