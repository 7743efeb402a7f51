using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Masks;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation.Constraints;

/// <summary>A JSON text under a schema as far as it has been written: the tokens that may follow, whether it may end, how it ends soonest.</summary>
/// <remarks>What ends it is not its own: a stop token, or a message's. One continuation's state, for one thread.</remarks>
internal sealed class JsonBody
{
    private readonly Vocabulary _vocabulary;
    private readonly MaskBuilder _masks;
    private ConfigSet _now = new(), _next = new();

    internal JsonBody(JsonSchema schema, Tokenizer tokenizer)
    {
        _vocabulary = Vocabulary.Of(tokenizer);
        _masks = new MaskBuilder(_vocabulary);
        _now.Add(Machine.Begin(schema.Root));
    }

    private JsonBody(JsonBody other)
    {
        (_vocabulary, _masks) = (other._vocabulary, new MaskBuilder(other._vocabulary));
        foreach (Config config in other._now.Configs)
            _now.Add(config);
    }

    /// <summary>Whether the text is a whole document.</summary>
    internal bool MayEnd
    {
        get
        {
            foreach (Config config in _now.Configs)
            {
                if (Machine.MayEnd(config))
                    return true;
            }
            return false;
        }
    }

    /// <inheritdoc cref="MaskBuilder.Steps"/>
    internal long MaskSteps => _masks.Steps;

    /// <summary>The readings that are possible.</summary>
    internal ReadOnlySpan<Config> Configs => _now.Configs;

    /// <summary>Sets the bits of the tokens that may follow; a mask of all ids.</summary>
    internal void Fill(Span<ulong> mask) => _masks.Fill(_now.Configs, mask);

    /// <summary>Takes bytes; false if they may not follow, and then nothing is taken.</summary>
    internal bool TryAccept(ReadOnlySpan<byte> bytes)
    {
        ConfigSet before = _now;
        for (int i = 0; i < bytes.Length; i++)
        {
            ConfigSet next = i == 0 ? _next : new ConfigSet();
            next.Clear();
            foreach (Config config in _now.Configs)
                Machine.Step(config, bytes[i], next);
            _now = next;
            if (next.Count == 0)
            {
                (_now, _next) = (before, new ConfigSet());
                return false;
            }
        }
        _next = before;
        return true;
    }

    /// <summary>The bytes that come next whatever is chosen, and whether the text has to end behind them.</summary>
    internal (byte[] Bytes, bool Ends) Forced() => ForcedBytes.Of(_now.Configs);

    /// <summary>The bytes that end it soonest.</summary>
    internal byte[] ShortestEnd()
    {
        byte[]? shortest = null;
        foreach (Config config in _now.Configs)
        {
            byte[] end = Machine.MayEnd(config) ? [] : Grammar.ShortestEnd.Of(config);
            if (shortest is null || end.Length < shortest.Length)
                shortest = end;
        }
        return shortest!;
    }

    /// <summary>A second state that goes on by itself.</summary>
    internal JsonBody Fork() => new(this);
}
