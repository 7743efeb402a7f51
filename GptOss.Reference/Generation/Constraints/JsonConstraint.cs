using GptOss.Reference.Generation.Constraints.Masks;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation.Constraints;

/// <summary>Holds a continuation to one JSON document: from the first token on, and then a token that ends it.</summary>
/// <remarks>
/// For text without messages. A turn of a conversation has other parts beside the document and is held by Harmony's own constraint.
/// </remarks>
public sealed class JsonConstraint : TokenConstraint
{
    private readonly Vocabulary _vocabulary;
    private readonly Tokenizer _tokenizer;
    private readonly int[] _ends;
    private readonly JsonBody _body;
    private bool _isComplete;

    /// <summary>Begins a document.</summary>
    /// <param name="schema">What it is held to.</param>
    /// <param name="tokenizer">What the ids mean.</param>
    /// <param name="ends">Ids of which one ends the continuation once the document is whole, such as
    /// <see cref="StopTokens.For(Model.Transformer, Tokenizer)"/>.</param>
    /// <exception cref="ArgumentException">There is no such id, or one is not special.</exception>
    public JsonConstraint(JsonSchema schema, Tokenizer tokenizer, IReadOnlyCollection<int> ends)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(ends);
        if (ends.Count == 0 || !ends.All(tokenizer.IsSpecial))
            throw new ArgumentException("A document is ended by at least one special token.", nameof(ends));
        (_tokenizer, _vocabulary, _ends) = (tokenizer, Vocabulary.Of(tokenizer), [.. ends]);
        _body = new JsonBody(schema, tokenizer);
    }

    private JsonConstraint(JsonConstraint other) =>
        (_tokenizer, _vocabulary, _ends, _body, _isComplete) =
            (other._tokenizer, other._vocabulary, other._ends, other._body.Fork(), other._isComplete);

    /// <inheritdoc/>
    public override bool IsComplete => _isComplete;

    /// <inheritdoc/>
    public override bool Fill(Span<ulong> allowed)
    {
        RequireOpen();
        _vocabulary.Fill(allowed, this, static (constraint, mask) =>
        {
            constraint._body.Fill(mask);
            foreach (int end in constraint._body.MayEnd ? constraint._ends : [])
                mask[end / 64] |= 1UL << end;
        });
        return true;
    }

    /// <inheritdoc/>
    public override void Accept(int id)
    {
        RequireOpen();
        if (_tokenizer.IsSpecial(id)
            ? !(_isComplete = _body.MayEnd && _ends.Contains(id))
            : !_vocabulary.IsText(id) || !_body.TryAccept(_tokenizer.TokenBytes(id).Span))
        {
            throw new ArgumentException($"Token {id} may not come next under the schema.", nameof(id));
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> Forced()
    {
        if (_isComplete)
            return [];
        (byte[] bytes, bool ends) = _body.Forced();
        return ends ? [.. _vocabulary.TokensOf(bytes), _ends[0]] : ForcedText.CertainTokensOf(bytes, _tokenizer);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> ShortestEnd() => _isComplete ? [] : [.. _vocabulary.TokensOf(_body.ShortestEnd()), _ends[0]];

    /// <inheritdoc/>
    public override TokenConstraint Fork() => new JsonConstraint(this);

    private void RequireOpen()
    {
        if (_isComplete)
            throw new InvalidOperationException("The document has ended; nothing may follow.");
    }
}
