using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Generation.Constraints.Languages;
using GptOss.Reference.Generation.Constraints.Masks;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>
/// Holds a turn of the assistant's to <see cref="HarmonyRules"/>: one automaton over headers, contents and control tokens, starting after
/// <c>&lt;|start|&gt;assistant</c>.
/// </summary>
/// <remarks>
/// Control tokens are told apart by id, never by what they look like as text. Analysis and preambles are free: any ordinary token and the one control
/// token that ends them. Only the content of answers and calls is held to a schema.
/// </remarks>
public sealed class HarmonyConstraint : TokenConstraint
{
    private readonly Shared _shared;
    private HarmonyHeaders _headers;
    private int _headerState;
    private readonly List<byte> _header = [];
    private HarmonyPart? _part;                         // null while a header is written
    private JsonBody? _body;
    private bool _isComplete;

    /// <summary>Begins a turn.</summary>
    /// <exception cref="ArgumentException">
    /// A recipient is malformed or occurs twice, or the turn can be neither an answer nor a call.
    /// </exception>
    /// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public HarmonyConstraint(HarmonyRules rules, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(tokenizer);
        foreach (HarmonyCall call in rules.Calls)
        {
            if (call.Recipient.Length == 0 || call.Recipient.Any(c => char.IsWhiteSpace(c) || char.IsControl(c))
                || call.Recipient.Contains("<|", StringComparison.Ordinal))
            {
                throw new ArgumentException($"'{call.Recipient}' is not a recipient.", nameof(rules));
            }
        }
        if (rules.Calls.DistinctBy(call => call.Recipient).Count() < rules.Calls.Count)
            throw new ArgumentException("Two calls have the same recipient.", nameof(rules));
        if (!rules.MayAnswer && rules.Calls.All(call => call.IsBuiltIn))
            throw new ArgumentException("A turn is an answer or a call; these rules allow neither.", nameof(rules));
        _shared = new Shared(rules, tokenizer);
        (_headers, _headerState) = (_shared.First, _shared.First.Automaton.Start);
    }

    private HarmonyConstraint(HarmonyConstraint other)
    {
        (_shared, _headers, _headerState, _part, _isComplete) = (other._shared, other._headers, other._headerState, other._part, other._isComplete);
        _header.AddRange(other._header);
        _body = other._body?.Fork();
    }

    /// <inheritdoc/>
    public override bool IsComplete => _isComplete;

    /// <inheritdoc/>
    public override bool Fill(Span<ulong> allowed)
    {
        RequireOpen();
        _shared.Vocabulary.Fill(allowed, this, static (constraint, mask) => constraint.Fill(mask));
        return true;
    }

    /// <inheritdoc/>
    public override void Accept(int id)
    {
        RequireOpen();
        if (!TryAccept(id))
            throw new ArgumentException($"Token {id} may not come next in this turn.", nameof(id));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> Forced()
    {
        if (_isComplete || _part is { Content: null })
            return [];
        if (_part is not null)
        {
            (byte[] bytes, bool ends) = _body!.Forced();
            return ends ? [.. _shared.Vocabulary.TokensOf(bytes), EndOf(_part)] : ForcedText.CertainTokensOf(bytes, _shared.Tokenizer);
        }
        return _shared.TokensOf(_headers.Automaton.ForcedFrom(_headerState), isWhole: false);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> ShortestEnd()
    {
        if (_isComplete)
            return [];
        var ids = new List<int>();
        HarmonyPart? part = _part;
        JsonBody? body = _body;
        while (true)
        {
            if (part is null)
            {
                (byte[] rest, part) = _headers.ShortestEnd(_header.ToArray());
                if (rest.Length == 0)
                {
                    // Only analysis or a preamble can come of this header; the turn ends in the message behind it.
                    rest = _headers.Automaton.ShortestFrom(_headerState, out int tag);
                    part = _headers.PartOf(tag);
                }
                ids.AddRange(_shared.TokensOf(rest, isWhole: true));
                body = part.Content is null ? null : new JsonBody(part.Content, _shared.Tokenizer);
            }
            if (part.Kind is not (HarmonyPartKind.Analysis or HarmonyPartKind.Preamble))
                return [.. ids, .. _shared.Vocabulary.TokensOf(body?.ShortestEnd() ?? []), EndOf(part)];
            ids.Add(EndOf(part));
            (byte[] later, part) = _shared.Later.ShortestEnd([]);
            ids.AddRange(_shared.TokensOf(later, isWhole: true));
            body = part.Content is null ? null : new JsonBody(part.Content, _shared.Tokenizer);
        }
    }

    /// <inheritdoc/>
    public override TokenConstraint Fork() => new HarmonyConstraint(this);

    private void Fill(ulong[] mask)
    {
        if (_part is null)
        {
            _shared.FillHeader(_headers.Automaton, _headerState, mask);
            return;
        }
        if (_body is null)
            _shared.Vocabulary.Ordinary.CopyTo(mask, 0);
        else
            _body.Fill(mask);
        if (_body?.MayEnd != false)
            mask[EndOf(_part) / 64] |= 1UL << EndOf(_part);
    }

    private bool TryAccept(int id)
    {
        if (_part is null)
            return TryAcceptHeader(id);
        if (id == EndOf(_part))
        {
            if (_body?.MayEnd == false)
                return false;
            End(_part);
            return true;
        }
        return _body is null ? _shared.Tokenizer.IsKnown(id) && !_shared.Tokenizer.IsSpecial(id)
            : _shared.Vocabulary.IsText(id) && _body.TryAccept(_shared.Tokenizer.TokenBytes(id).Span);
    }

    private bool TryAcceptHeader(int id)
    {
        ReadOnlySpan<byte> bytes = _shared.HeaderBytesOf(id);
        if (bytes.IsEmpty)
            return false;
        int state = _headerState;
        foreach (byte value in bytes)
        {
            if (state < 0)
                return false;
            state = _headers.Automaton.Next(state, value);
        }
        if (state == Automaton.Dead)
            return false;
        if (Automaton.IsFinal(state))
        {
            _part = _headers.PartOf(Automaton.TagOf(state));
            _body = _part.Content is null ? null : new JsonBody(_part.Content, _shared.Tokenizer);
            _header.Clear();
        }
        else
        {
            _headerState = state;
            _header.AddRange(bytes);
        }
        return true;
    }

    private void End(HarmonyPart part)
    {
        _part = null;
        _body = null;
        if (part.Kind is HarmonyPartKind.Analysis or HarmonyPartKind.Preamble)
            (_headers, _headerState) = (_shared.Later, _shared.Later.Automaton.Start);
        else
            _isComplete = true;
    }

    private int EndOf(HarmonyPart part) => part.Kind switch
    {
        HarmonyPartKind.Analysis or HarmonyPartKind.Preamble => _shared.Controls.End,
        HarmonyPartKind.Answer => _shared.Controls.Return,
        _ => _shared.Controls.Call,
    };

    private void RequireOpen()
    {
        if (_isComplete)
            throw new InvalidOperationException("The turn has ended; nothing may follow.");
    }

    /// <summary>What all forks of a constraint have in common.</summary>
    private sealed class Shared
    {
        private readonly Dictionary<byte, int> _controls;

        internal Shared(HarmonyRules rules, Tokenizer tokenizer)
        {
            (Tokenizer, Controls, Vocabulary) = (tokenizer, new HarmonyTokens(tokenizer), Vocabulary.Of(tokenizer));
            (First, Later) = HarmonyHeaders.Of(rules);
            _controls = new()
            {
                [HarmonyHeaders.ChannelByte] = Controls.Channel,
                [HarmonyHeaders.MessageByte] = Controls.Message,
                [HarmonyHeaders.ConstrainByte] = Controls.Constrain,
                [HarmonyHeaders.StartByte] = Controls.Start,
            };
        }

        internal Tokenizer Tokenizer { get; }

        internal HarmonyTokens Controls { get; }

        internal Vocabulary Vocabulary { get; }

        internal HarmonyHeaders First { get; }

        internal HarmonyHeaders Later { get; }

        internal void FillHeader(LiteralAutomaton headers, int state, ulong[] mask)
        {
            foreach (int id in Vocabulary.TextMask(headers, state).Few)
                mask[id / 64] |= 1UL << id;
            foreach ((byte value, int id) in _controls)
            {
                if (headers.Next(state, value) != Automaton.Dead)
                    mask[id / 64] |= 1UL << id;
            }
        }

        internal ReadOnlySpan<byte> HeaderBytesOf(int id)
        {
            foreach ((byte value, int control) in _controls)
            {
                if (control == id)
                    return new byte[] { value };
            }
            return Vocabulary.IsText(id) ? Tokenizer.TokenBytes(id).Span : default;
        }

        /// <summary>A part of a header as tokens; of text that is not whole only what is certain.</summary>
        internal List<int> TokensOf(byte[] header, bool isWhole)
        {
            var ids = new List<int>();
            for (int from = 0, to; from < header.Length; from = to)
            {
                if (_controls.TryGetValue(header[from], out int control))
                {
                    ids.Add(control);
                    to = from + 1;
                    continue;
                }
                for (to = from; to < header.Length && !_controls.ContainsKey(header[to]);)
                    to++;
                ReadOnlySpan<byte> text = header.AsSpan(from, to - from);
                ids.AddRange(isWhole || to < header.Length ? Vocabulary.TokensOf(text) : ForcedText.CertainTokensOf(text, Tokenizer));
            }
            return ids;
        }
    }
}
