using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>How readings go on, byte by byte: a pushdown automaton over JSON text, whose stack is the frames.</summary>
/// <remarks>
/// White space between tokens: nothing; after a comma or colon one space; a line break and at most <see cref="Config.MostIndent"/> spaces anywhere
/// but around the document. No byte is accepted that cannot be completed.
/// </remarks>
internal static class Machine
{
    /// <summary>The reading before a document of such a value.</summary>
    internal static Config Begin(ValueNode value) => new(new Frame(null, []) { Value = value }, Phase.Document);

    /// <summary>Adds the readings after a byte to a set.</summary>
    internal static void Step(in Config config, byte value, ConfigSet into)
    {
        if (config.Leaf is { } leaf)
            StepLeaf(config, leaf, value, into);
        else
            StepBetween(config, value, into);
    }

    /// <summary>Whether the document may end here.</summary>
    internal static bool MayEnd(in Config config) =>
        config.Leaf is null ? config.Phase == Phase.End
        : config.Leaf.Automaton.MayEnd(config.State) && Array.Exists(config.Tops, top => top.Node is null);

    /// <summary>Adds the readings behind a leaf, where a byte has brought it to an end of this tag.</summary>
    /// <param name="config">In the leaf.</param>
    /// <param name="tag">What <see cref="Automaton.TagOf"/> said.</param>
    /// <param name="hash">The leaf's text, where <paramref name="config"/> has one.</param>
    /// <param name="into">Where they go.</param>
    internal static void EndLeaf(in Config config, int tag, TextHash? hash, ConfigSet into)
    {
        if (config.Leaf!.Automaton is KeyAutomaton)
        {
            if (hash is not null && config.Top.Seen?.Contains(hash.Value) == true && tag >= ((ObjectNode)config.Top.Node!).Keys.Length)
                return;
            into.Add(new Config(((ObjectNode)config.Top.Node!).WithKey(config.Top, tag, hash), Phase.AfterKey));
            return;
        }

        EndValue(config, hash, into);
    }

    /// <summary>Adds the readings behind a leaf that is a value.</summary>
    internal static void EndValue(in Config config, TextHash? hash, ConfigSet into)
    {
        foreach (Frame top in config.Tops)
        {
            if (hash is null || top.Node is not ArrayNode { IsUnique: true })
                into.Add(After(top));
            else if (top.Seen?.Contains(hash.Value) != true)
                into.Add(new Config(WithItem(top, hash), Phase.AfterValue));
        }
    }

    /// <summary>Whether what ends a leaf is a key that the object declares.</summary>
    internal static bool IsDeclaredKey(in Config config, int final) =>
        config.Leaf!.Automaton is KeyAutomaton keys && Automaton.IsFinal(final) && Automaton.TagOf(final) < keys.FirstFreeTag;

    /// <summary>Whether a leaf in which texts must differ can still end in a new one.</summary>
    internal static bool CanDiffer(in Config config, int state, ulong hash)
    {
        long ahead = config.Leaf!.Automaton.TextsAhead(state);
        return ahead == long.MaxValue || Array.Exists(config.Tops, top => top.Seen is null || ahead > top.Seen.CountOf(hash));
    }

    private static void StepLeaf(in Config config, Leaf leaf, byte value, ConfigSet into)
    {
        Automaton automaton = leaf.Automaton;
        int next = automaton.Next(config.State, value);
        TextHash? hash = config.Hash?.With(value);
        if (next >= 0)
        {
            int count = config.Count;
            if (leaf.IsCounted)
            {
                if (automaton.IsBetweenCharacters(config.State))
                    count++;
                if (!Dfa.HasLength(automaton.LengthsAhead(next), leaf.Least - count, leaf.Most - count))
                    return;
            }

            if (hash is not null && !CanDiffer(config, next, hash.Value))
                return;
            into.Add(config with { State = next, Count = count, Hash = hash });
        }
        else if (Automaton.IsFinal(next))
        {
            if (!leaf.IsCounted || config.Count >= leaf.Least)
                EndLeaf(config, Automaton.TagOf(next), hash, into);
        }
        else if (automaton.MayEnd(config.State))
        {
            var behind = new ConfigSet();
            EndValue(config, config.Hash, behind);
            foreach (Config after in behind.Configs)
                StepBetween(after, value, into);
        }
    }

    private static void StepBetween(in Config config, byte value, ConfigSet into)
    {
        Frame frame = config.Top;
        Phase phase = config.Phase;
        switch (value)
        {
            case (byte)' ':
                if (config.Space >= 2 ? config.Space < 2 + Config.MostIndent : config.Space == 0 && phase is Phase.AfterComma or Phase.AfterColon)
                    into.Add(config with { State = config.State + 1 });
                return;
            case (byte)'\n':
                if (config.Space == 0 && phase > Phase.End)
                    into.Add(config with { State = config.State + 2 });
                return;
            case (byte)',' when phase == Phase.AfterValue:
                bool goesOn = frame.Node is ObjectNode open
                    ? open.NextKeys(frame) is not null
                    : ((ArrayNode)frame.Node!).ItemAt(frame.Index) is not null;
                if (goesOn)
                    into.Add(new Config(frame, Phase.AfterComma));
                return;
            case (byte)':' when phase == Phase.AfterKey:
                into.Add(new Config(frame, Phase.AfterColon));
                return;
            case (byte)'}' when phase is Phase.AfterValue or Phase.Opened:
                if (frame.Node is ObjectNode closing && closing.MayClose(frame))
                    Close(frame, into);
                return;
            case (byte)']' when phase is Phase.AfterValue or Phase.Opened:
                if (frame.Node is ArrayNode ended && frame.Index >= ended.Least)
                    Close(frame, into);
                return;
        }

        if (ValueAt(config) is { } begun)
        {
            BeginValue(begun.Node, begun.Tops, value, begun.Differ, into);
        }
        else if (value == '"' && phase is Phase.Opened or Phase.AfterComma && frame.Node is ObjectNode node && node.NextKeys(frame) is { } keys)
        {
            bool differ = ((KeyAutomaton)keys.Automaton).HasFree;
            into.Add(new Config(frame.Alone, keys, keys.Automaton.Start, 0, differ ? TextHash.Empty : null));
        }
    }

    /// <summary>The value that may begin between two tokens, the frames it is in, and whether it must differ from others; null for none.</summary>
    internal static (ValueNode Node, Frame[] Tops, bool Differ)? ValueAt(in Config config)
    {
        Frame frame = config.Top;
        switch (config.Phase)
        {
            case Phase.Document or Phase.AfterColon:
                return (frame.Value!, frame.Alone, false);
            case Phase.Opened or Phase.AfterComma when frame.Node is ArrayNode array && array.ItemAt(frame.Index) is { } item:
                return (item, new Frame(array, frame.Below) { Index = frame.Index + 1, Seen = frame.Seen }.Alone, array.IsUnique);
            default:
                return null;
        }
    }

    private static void BeginValue(ValueNode node, Frame[] tops, byte value, bool differ, ConfigSet into)
    {
        switch (value)
        {
            case (byte)'{':
                foreach (ObjectNode inner in node.Objects)
                    into.Add(new Config(new Frame(inner, tops), Phase.Opened));
                break;
            case (byte)'[':
                foreach (ArrayNode inner in node.Arrays)
                    into.Add(new Config(new Frame(inner, tops), Phase.Opened));
                break;
            default:
                foreach (Leaf leaf in node.Leaves)
                {
                    StepLeaf(new Config(tops, leaf, leaf.Automaton.Start, 0, differ ? TextHash.Empty : null), leaf,
                    value, into);
                }
                break;
        }
    }

    private static void Close(Frame frame, ConfigSet into)
    {
        foreach (Frame below in frame.Below)
            into.Add(After(below));
    }

    /// <summary>The reading behind a value in a frame.</summary>
    internal static Config After(Frame frame) => new(frame, frame.Node is null ? Phase.End : Phase.AfterValue);

    private static Frame WithItem(Frame frame, TextHash text) => new(frame.Node, frame.Below)
    {
        Index = frame.Index,
        Seen = Seen.With(frame.Seen, text),
    };
}
