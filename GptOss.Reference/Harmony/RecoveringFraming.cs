using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>The framing for conversations: whatever a model writes becomes messages, and every deviation is announced.</summary>
/// <remarks>
/// Three rules decide what a damaged stream means. A special token is never text that the model meant for the user. A recipient counts only in
/// header position, so no word of a text becomes a call. And words that have no place in a header are content: a message of their own if need
/// be. What is not white space is therefore in a message, or, if it is a header's debris, in a repair.
/// </remarks>
internal sealed class RecoveringFraming(Tokenizer tokenizer, Role? role) : MessageFraming(tokenizer, role)
{
    private const int MostHeldTokens = 64;              // the longest header that is looked for in content

    private readonly List<int> _between = [];           // text between messages that may still be a header without its <|start|>
    private readonly List<int> _held = [];              // tokens in content that may be the next message's header
    private int _blanks;                                // how many of the first tokens in _between are white space
    private int _betweenAt, _heldAt, _contentAt;
    private bool _isRefused;                            // whether strict would have refused the stream so far
    private bool _isBare;                               // whether the open message is text that came without any header

    private protected override void Step(int id, int at)
    {
        switch (State)
        {
            case ParserState.ExpectStart:
                BetweenMessages(id, at);
                break;
            case ParserState.Header when id == Special.Message:
                CompleteHeader(at);
                break;
            case ParserState.Header when Special.IsStop(id):
                CutHeaderShort(at, isEnded: true);
                break;
            case ParserState.Header when id == Special.Start:
                RestartHeader(at);
                break;
            case ParserState.Header:
                HeaderTokens.Add(id);
                break;
            default:
                InContent(id, at);
                break;
        }
    }

    private protected override void Close(int at)
    {
        if (State == ParserState.Content)
            EndMessage();
        if (State == ParserState.Header)
            CutHeaderShort(at, isEnded: false);
        FlushBetween();
    }

    private void Refuse(int at, RepairKind kind, string text = "")
    {
        _isRefused = true;
        AddRepair(at, kind, text);
    }

    // ExpectStart

    private void BetweenMessages(int id, int at)
    {
        if (id == Special.Start)
        {
            FlushBetween();
            OpenHeader();
        }
        else if (id == Special.Channel || id == Special.Message)
        {
            // assistant<|channel|>final<|message|> only lacks its start.
            int[] author = _between.Count > 0 && RecoveredHeader.IsAuthor(BetweenText()) ? [.. _between[_blanks..]] : [];
            if (author.Length > 0)
                _between.Clear();
            else
                FlushBetween();
            Refuse(at, RepairKind.MissingStart);
            OpenHeader(author.Length > 0 ? null : Role.Assistant);
            HeaderTokens.AddRange(author);
            Step(id, at);
        }
        else if (Special.IsStop(id))
        {
            if (!FlushBetween())
                Refuse(at, RepairKind.StrayStop);
        }
        else if (Tokenizer.IsSpecial(id) || !Tokenizer.IsKnown(id))
        {
            FlushBetween();
            Refuse(at, RepairKind.StrayText, Tokenizer.Decode([id]));
        }
        else
        {
            if (_between.Count == 0)
                (_betweenAt, _blanks) = (at, 0);
            _between.Add(id);
            if (_blanks == _between.Count - 1 && string.IsNullOrWhiteSpace(Tokenizer.Decode([id])))
                _blanks++;
            else if (!RecoveredHeader.MayBecomeAuthor(BetweenText()))
                OpenBareMessage();
        }
    }

    private string BetweenText() => Tokenizer.Decode([.. _between[_blanks..]]);

    // Text that nothing announced is an answer. White space before it is not.
    private void OpenBareMessage()
    {
        Refuse(_betweenAt, RepairKind.StrayText, Tokenizer.Decode([.. _between[.._blanks]]));
        OpenMessage(new Header(Role.Assistant) { Channel = "final" });
        (_isBare, _contentAt) = (true, _betweenAt + _blanks);
        foreach (int id in _between[_blanks..])
            AddContent(id);
        _between.Clear();
    }

    // What was held back between messages: an answer, or white space. True if there was an answer.
    private bool FlushBetween()
    {
        if (_between.Count == 0)
            return false;
        if (_blanks < _between.Count)
        {
            OpenBareMessage();
            EndMessage();
            return true;
        }

        Refuse(_betweenAt, RepairKind.StrayText, Tokenizer.Decode([.. _between]));
        _between.Clear();
        return false;
    }

    // Header

    private void CompleteHeader(int at)
    {
        if (StrictHeader() is { } strict)
        {
            Header typed = strict.WithMarkerAsType(out string displaced);
            if (displaced.Length > 0)
                AddRepair(at, RepairKind.MalformedHeader, displaced);
            OpenMessage(typed);
            return;
        }

        var found = RecoveredHeader.Read(Tokenizer, HeaderTokens, StatedRole);
        Refuse(at, RepairKind.MalformedHeader, found.LeftOver);
        if (found.Text.Length > 0)
            AddMessage(found.Header with { ContentType = null }, found.Text);
        OpenMessage(found.Header);
    }

    // The strict reading is kept wherever it makes sense of the header; the exceptions are what only a damaged header says.
    private Header? StrictHeader()
    {
        bool isPlain = HeaderTokens.Count(id => id == Special.Channel) <= 1 && HeaderTokens.Count(id => id == Special.Constrain) <= 1 &&
            !HeaderTokens.Exists(id => Tokenizer.IsSpecial(id) && id != Special.Channel && id != Special.Constrain);
        if (!isPlain || ReadHeader(isCutShort: false, out string? rest, out _) is not { } strict || rest is not null)
            return null;
        return RecoveredHeader.IsSound(strict, Tokenizer.Decode([.. HeaderTokens])) ? strict : null;
    }

    private void CutHeaderShort(int at, bool isEnded)
    {
        if (HeaderTokens.Count > 0)
        {
            var found = RecoveredHeader.ReadCutShort(Tokenizer, HeaderTokens, StatedRole, isUnfinished: !isEnded);
            Refuse(at, RepairKind.CutHeader, found.LeftOver);
            AddMessage(found.Header, found.Text);
        }
        else if (isEnded || StatedRole is null)
        {
            Refuse(at, RepairKind.EmptyHeader);
        }

        (StatedRole, State) = (null, ParserState.ExpectStart);
    }

    private void RestartHeader(int at)
    {
        RecoveredHeader? found = HeaderTokens.Count > 0
            ? RecoveredHeader.ReadCutShort(Tokenizer, HeaderTokens, StatedRole, isUnfinished: false) : null;
        if (found is { Text.Length: > 0 })
        {
            Refuse(at, RepairKind.CutHeader, found.LeftOver);
            AddMessage(found.Header, found.Text);
        }
        else
        {
            Refuse(at, RepairKind.RestartedHeader, Tokenizer.Decode([.. HeaderTokens]));
        }

        OpenHeader();
    }

    // Content

    private void InContent(int id, int at)
    {
        if (Special.IsStop(id))
        {
            EndMessage();
        }
        else if (id == Special.Start && _isRefused)
        {
            EndMessage();
            Refuse(at, RepairKind.MissingEnd);
            OpenHeader();
        }
        else if (_isBare && _held.Count == 0 && Tokenizer.IsSpecial(id) && id != Special.Channel)
        {
            EndMessage();
            BetweenMessages(id, at);
        }
        else if (id == Special.Start || (id == Special.Channel && (_held.Count == 0 || _held[0] != Special.Start)))
        {
            ReplayHeld();
            _heldAt = at;
            _held.Add(id);
        }
        else if (_held.Count == 0)
        {
            Add(id, at);
        }
        else if (id == Special.Message && HeldHeader() is { } header)
        {
            _held.Clear();
            EndMessage();
            Refuse(_heldAt, RepairKind.MissingEnd);
            OpenMessage(header);
        }
        else
        {
            _held.Add(id);
            if (id == Special.Message || _held.Count > MostHeldTokens)
                ReplayHeld();
        }
    }

    // Where strict has accepted everything so far, only the assistant's complete header on a known channel ends a message that lacks its end.
    private Header? HeldHeader()
    {
        bool hasAuthor = _held[0] == Special.Start;
        HeaderTokens.Clear();
        HeaderTokens.AddRange(hasAuthor ? _held[1..] : _held);
        StatedRole = hasAuthor ? null : Role.Assistant;
        Header? header = StrictHeader();
        StatedRole = null;
        HeaderTokens.Clear();
        return header is { Role: Role.Assistant, Channel: { } channel } && RecoveredHeader.Channels.Contains(channel) ? header : null;
    }

    private void ReplayHeld()
    {
        for (int i = 0; i < _held.Count; i++)
            Add(_held[i], _heldAt + i);
        _held.Clear();
    }

    private void Add(int id, int at)
    {
        if (Content!.Hidden.Count == 0)
            _contentAt = at;
        AddContent(id);
    }

    private void EndMessage()
    {
        ReplayHeld();
        IReadOnlyList<int> hidden = FinishMessage();
        if (hidden.Count > 0)
            AddRepair(_contentAt, RepairKind.UnknownToken, Tokenizer.Decode([.. hidden]));
        _isBare = false;
    }
}
