using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>Reads generated ids one by one and gives out the text of the <c>final</c> channel, the part meant for the user.</summary>
/// <remarks>
/// Expects what follows <c>&lt;|start|&gt;assistant</c>. If the ids never open a message on <c>final</c>, the end gives everything, special tokens
/// by name. Several final messages follow each other without a separator. Other special tokens inside a final message are text, as the
/// published parser has it. Source: <c>openai/harmony</c>, <c>src/encoding.rs</c>.
/// </remarks>
public sealed class FinalChannel
{
    private enum Place
    {
        Header,
        Final,
        Other,
    }

    private readonly Tokenizer _tokenizer;
    private readonly StreamingDecoder _decoder;
    private readonly List<int> _all = [];
    private readonly int _start, _message, _end, _return;
    private readonly int? _call;
    private int _headerBegin;
    private Place _place = Place.Header;

    /// <summary>A reader for one answer.</summary>
    /// <exception cref="ArgumentException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public FinalChannel(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _decoder = new StreamingDecoder(tokenizer);
        _start = PublishedPrompt.Special(tokenizer, "<|start|>");
        _message = PublishedPrompt.Special(tokenizer, "<|message|>");
        _end = PublishedPrompt.Special(tokenizer, "<|end|>");
        _return = PublishedPrompt.Special(tokenizer, "<|return|>");
        _call = tokenizer.SpecialId("<|call|>");
    }

    /// <summary>Whether a message on the final channel has begun.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>The whole of <see cref="Append"/> and <see cref="Flush"/> over <paramref name="ids"/>.</summary>
    public static string Extract(Tokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        var reader = new FinalChannel(tokenizer);
        var text = new System.Text.StringBuilder();
        foreach (int id in ids) text.Append(reader.Append(id));
        return text.Append(reader.Flush()).ToString();
    }

    /// <summary>Takes the next generated id.</summary>
    /// <returns>Text of the final channel that is now whole; null if there is none.</returns>
    public string? Append(int id)
    {
        _all.Add(id);
        if (_place == Place.Header)
        {
            if (id == _message) OpenMessage();
            return null;
        }

        if (id == _end || id == _return || id == _call)
        {
            string rest = _place == Place.Final ? _decoder.Flush() : "";
            _place = Place.Other;
            return rest.Length > 0 ? rest : null;
        }

        if (_place == Place.Final) return _decoder.Append(id);
        if (id == _start)
        {
            _place = Place.Header;
            _headerBegin = _all.Count;
        }

        return null;
    }

    /// <summary>Ends the answer.</summary>
    /// <returns>What was left of the final channel; if it never began, everything, special tokens by name.</returns>
    public string Flush() => HasBegun ? _decoder.Flush() : _tokenizer.Decode([.. _all]);

    // The channel is what follows the header's first marker, up to white space or the next marker.
    private void OpenMessage()
    {
        const string Marker = "<|channel|>";
        string header = _tokenizer.Decode([.. _all.Skip(_headerBegin).SkipLast(1)]);
        int marker = header.IndexOf(Marker, StringComparison.Ordinal);
        string channel = marker < 0 ? "" : header[(marker + Marker.Length)..];
        int end = channel.AsSpan().IndexOfAny(" \t\r\n<");
        if (end >= 0) channel = channel[..end];
        _place = channel == "final" ? Place.Final : Place.Other;
        HasBegun |= _place == Place.Final;
    }
}
