using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>A row of numbers as a file stores it: bfloat16 or float32, read in place. Biases, gains and sinks.</summary>
internal readonly struct StoredVector
{
    /// <summary>Views the bits of bfloat16 values.</summary>
    internal StoredVector(ReadOnlyMemory<ushort> bits) => Halves = bits;

    /// <summary>Views float32 values.</summary>
    internal StoredVector(ReadOnlyMemory<float> values) => Wide = values;

    /// <summary>The bits of bfloat16 values; empty where they are float32.</summary>
    internal ReadOnlyMemory<ushort> Halves { get; }

    /// <summary>float32 values; empty where they are bfloat16.</summary>
    internal ReadOnlyMemory<float> Wide { get; }

    /// <summary>How many values; none if a product has no bias.</summary>
    internal int Length => Halves.Length + Wide.Length;

    /// <summary>One value, widened exactly.</summary>
    internal float this[int index] => Wide.IsEmpty ? Bfloat16.ToSingle(Halves.Span[index]) : Wide.Span[index];

    /// <summary>All values, widened exactly.</summary>
    internal float[] ToArray()
    {
        float[] values = new float[Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = this[i];
        return values;
    }

    /// <summary>As many zeros.</summary>
    internal StoredVector Zeros() => new(new float[Length]);

    /// <summary>The first value that is not a finite number, or null.</summary>
    internal NotANumber? FindNotANumber()
    {
        for (int i = 0; i < Length; i++)
        {
            if (!float.IsFinite(this[i]))
                return new((Wide.IsEmpty ? sizeof(ushort) : sizeof(float)) * (long)i, $"the value {this[i]}", "weights are finite numbers");
        }
        return null;
    }

    /// <summary>bfloat16 bits as they are.</summary>
    public static implicit operator StoredVector(ushort[] bits) => new((ReadOnlyMemory<ushort>)bits);
}
