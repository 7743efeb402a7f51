namespace GptOss.Reference.Numerics.Buffers;

/// <summary>Aligned memory that each worker keeps for itself, so that a kernel allocates nothing once it has run.</summary>
internal static class ThreadScratch
{
    [ThreadStatic]
    private static Memory<float> t_floats;

    /// <summary><paramref name="length"/> floats of this thread, uninitialised; the next call on the same thread hands out the same memory.</summary>
    internal static Span<float> Floats(int length)
    {
        if (t_floats.Length < length)
            t_floats = AlignedBuffer.Allocate<float>((int)Math.Max(length, Math.Min(2L * t_floats.Length, int.MaxValue / 2)));
        return t_floats.Span[..length];
    }
}
