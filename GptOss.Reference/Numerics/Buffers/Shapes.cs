namespace GptOss.Reference.Numerics.Buffers;

/// <summary>Refuses shapes that do not fit, before a job trusts them.</summary>
internal static class Shapes
{
    /// <summary>Throws unless the shapes of a kernel's arguments fit.</summary>
    /// <exception cref="ArgumentException">They do not; the message has the two shapes and what they meet.</exception>
    internal static void Require(bool fit, Rows a, Rows b, int rows, int columns)
    {
        if (!fit)
            throw new ArgumentException($"Shapes do not fit: [{a.Count}, {a.Width}] and [{b.Count}, {b.Width}] with {rows} × {columns}.");
    }

    /// <summary>The same for kernels that work on whole blocks of sixteen lanes.</summary>
    /// <exception cref="ArgumentException">The shapes do not fit, or a width is not a multiple of 16.</exception>
    internal static void RequireBlocks(bool fit, Rows a, Rows b) => Require(fit && a.Width % 16 == 0 && b.Width % 16 == 0, a, b, a.Width, b.Width);
}
