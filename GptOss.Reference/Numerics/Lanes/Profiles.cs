namespace GptOss.Reference.Numerics.Lanes;

/// <summary>The profiles by name: one row of the table each, so that all readers and writers spell them alike.</summary>
internal static class Profiles
{
    private static readonly (Precision Precision, string Name, string ShortName)[] Table =
    [
        (Precision.Float32, "float32", "f32"),
        (Precision.Bfloat16, "bfloat16", "bf16"),
        (Precision.Fast, "fast", "fast"),
    ];

    /// <summary>All profiles, float32 first.</summary>
    public static IReadOnlyList<Precision> All { get; } = [.. Table.Select(row => row.Precision)];

    /// <summary>The name on command lines, in manifests and reports: <c>float32</c>.</summary>
    public static string Name(this Precision precision) => Row(precision).Name;

    /// <summary>The name in file names: <c>f32</c>.</summary>
    public static string ShortName(this Precision precision) => Row(precision).ShortName;

    /// <summary>The profile with a <see cref="Name"/>; null where there is none.</summary>
    public static Precision? Find(string? name)
    {
        int at = Array.FindIndex(Table, row => row.Name == name);
        return at < 0 ? null : Table[at].Precision;
    }

    private static (Precision Precision, string Name, string ShortName) Row(Precision precision)
    {
        int at = Array.FindIndex(Table, row => row.Precision == precision);
        return at < 0 ? throw new ArgumentOutOfRangeException(nameof(precision), precision, "There is no such profile.") : Table[at];
    }
}
