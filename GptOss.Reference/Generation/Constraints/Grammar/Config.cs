namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>A place between two tokens of JSON.</summary>
internal enum Phase
{
    /// <summary>Before the document.</summary>
    Document,

    /// <summary>Behind it.</summary>
    End,

    /// <summary>Behind the bracket that opens an array or object.</summary>
    Opened,

    /// <summary>Behind a key.</summary>
    AfterKey,

    /// <summary>Behind the colon.</summary>
    AfterColon,

    /// <summary>Behind an item or a key's value.</summary>
    AfterValue,

    /// <summary>Behind a comma.</summary>
    AfterComma,
}

/// <summary>One reading of what has come so far: inside a leaf, or between two tokens with some white space.</summary>
/// <param name="Tops">Inside a leaf that is a value: the frames it is in. Else the one frame at hand.</param>
/// <param name="Leaf">The leaf; null between tokens.</param>
/// <param name="State">The leaf's state; between tokens, phase and white space.</param>
/// <param name="Count">Characters of the leaf, if they are counted.</param>
/// <param name="Hash">The leaf's text, if it may not be equal to another.</param>
internal readonly record struct Config(Frame[] Tops, Leaf? Leaf, int State, int Count, TextHash? Hash)
{
    /// <summary>The most spaces after a line break.</summary>
    internal const int MostIndent = 64;

    private const int Spaces = 128;

    /// <summary>Between tokens. White space: 0 none, 1 a space, 2 + n a line break and n spaces.</summary>
    internal Config(Frame frame, Phase phase, int space = 0) : this(frame.Alone, null, (int)phase * Spaces + space, 0, null) { }

    internal Frame Top => Tops[0];

    internal Phase Phase => (Phase)(State / Spaces);

    internal int Space => State % Spaces;

    /// <summary>Whether the config is at one place with another, wherever that place is.</summary>
    internal bool IsAtPlaceOf(in Config other) =>
        Leaf == other.Leaf && State == other.State && Count == other.Count && Hash?.Value == other.Hash?.Value;
}
