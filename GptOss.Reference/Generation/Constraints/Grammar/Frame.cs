namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>An array or object that is open, or the document itself: how far it is, and what it is in. Immutable.</summary>
/// <param name="node">An <see cref="ArrayNode"/> or <see cref="ObjectNode"/>; null for the document.</param>
/// <param name="below">The frames in which the value is; several if alternatives have come together. Empty for the document.</param>
internal sealed class Frame(object? node, Frame[] below)
{
    private Frame[]? _alone;

    internal object? Node { get; } = node;

    internal Frame[] Below { get; } = below;

    /// <summary>Items begun; of an object, the first declared key that may still come.</summary>
    internal int Index { get; init; }

    /// <summary>Keys begun.</summary>
    internal int Count { get; init; }

    /// <summary>Of an unordered object, bit j: whether key j has come.</summary>
    internal ulong Used { get; init; }

    /// <summary>Texts that may not come again.</summary>
    internal Seen? Seen { get; init; }

    /// <summary>Of an object, and of the document: what the value at hand may be.</summary>
    internal ValueNode? Value { get; init; }

    /// <summary>The frame as a set.</summary>
    internal Frame[] Alone => _alone ??= [this];

    /// <summary>Whether two frames differ at most in what they are in.</summary>
    internal bool IsLike(Frame other) =>
        Node == other.Node && Index == other.Index && Count == other.Count && Used == other.Used && Value == other.Value
            && Seen.AreSame(Seen, other.Seen);

    /// <summary>The same, in other frames.</summary>
    internal Frame In(Frame[] below) => new(Node, below) { Index = Index, Count = Count, Used = Used, Seen = Seen, Value = Value };

    /// <summary>Frames of both sets.</summary>
    internal static Frame[] Union(Frame[] a, Frame[] b)
    {
        if (a == b) return a;
        var all = new List<Frame>(a);
        foreach (Frame frame in b)
            if (!all.Contains(frame)) all.Add(frame);
        return all.Count == a.Length ? a : [.. all];
    }
}
