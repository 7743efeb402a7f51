using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>The shortest way to complete a document, or one near it: of several values the cheapest, and no key or item that need not be.</summary>
internal static class ShortestEnd
{
    /// <summary>About how many bytes the shortest text of a leaf has.</summary>
    internal static int Cost(Leaf leaf) => leaf.Automaton switch
    {
        StringAutomaton text => 2 + Math.Max(leaf.Least, text.ShortestContent),
        LiteralAutomaton literals => literals.Shortest,
        NumberAutomaton numbers => numbers.Shortest,
        _ => 1,
    };

    /// <summary>What completes the document.</summary>
    internal static byte[] Of(Config config)
    {
        var text = new List<byte>();
        while (config.Leaf is not null || config.Phase != Phase.End)
            config = config.Leaf is null ? AfterNext(config, text) : AfterLeaf(config, text);
        return [.. text];
    }

    private static Config AfterNext(Config config, List<byte> text)
    {
        Frame frame = config.Top;
        switch (config.Phase)
        {
            case Phase.AfterKey:
                text.Add((byte)':');
                return new Config(frame, Phase.AfterColon);
            case Phase.Document or Phase.AfterColon or Phase.Opened or Phase.AfterComma
                when Machine.ValueAt(config) is { } value && !MayClose(config):
                return AfterBeginning(value.Node, value.Tops, value.Differ, text);
            case Phase.Opened or Phase.AfterValue when MayClose(config):
                text.Add((byte)(frame.Node is ArrayNode ? ']' : '}'));
                return Machine.After(frame.Below[0]);
            case Phase.AfterValue:
                text.Add((byte)',');
                return new Config(frame, Phase.AfterComma);
            default:
                return AfterKey(frame, (ObjectNode)frame.Node!, text);
        }
    }

    private static bool MayClose(Config config) => config.Phase is Phase.Opened or Phase.AfterValue && config.Top.Node switch
    {
        ObjectNode open => open.MayClose(config.Top),
        ArrayNode open => config.Top.Index >= open.Least,
        _ => false,
    };

    private static Config AfterKey(Frame frame, ObjectNode node, List<byte> text)
    {
        text.Add((byte)'"');
        if (node.CheapestNext(frame) is { } number)
        {
            text.AddRange(node.Keys[number].Text);
            return new Config(node.WithKey(frame, number, null), Phase.AfterKey);
        }
        Leaf keys = node.NextKeys(frame)!;
        return AfterLeaf(new Config(frame.Alone, keys, keys.Automaton.Start, 0, TextHash.Empty), text);
    }

    private static Config AfterBeginning(ValueNode node, Frame[] tops, bool differ, List<byte> text)
    {
        Leaf? leaf = node.Leaves.MinBy(Cost);
        ArrayNode? array = node.Arrays.MinBy(inner => inner.Cost);
        ObjectNode? inner = node.Objects.MinBy(inner => inner.Cost);
        int cheapest = Math.Min(leaf is null ? int.MaxValue : Cost(leaf), Math.Min(array?.Cost ?? int.MaxValue, inner?.Cost ?? int.MaxValue));
        if (leaf is not null && Cost(leaf) == cheapest)
            return AfterLeaf(new Config(tops, leaf, leaf.Automaton.Start, 0, differ ? TextHash.Empty : null), text);
        text.Add((byte)(array is not null && array.Cost == cheapest ? '[' : '{'));
        return new Config(new Frame(array is not null && array.Cost == cheapest ? array : inner, tops), Phase.Opened);
    }

    private static Config AfterLeaf(Config config, List<byte> text)
    {
        byte[] rest = LeafTexts.Shortest(config);
        int state = config.State;
        TextHash? hash = config.Hash;
        var behind = new ConfigSet();
        foreach (byte value in rest)
        {
            state = config.Leaf!.Automaton.Next(state, value);
            hash = hash?.With(value);
        }
        if (Automaton.IsFinal(state))
            Machine.EndLeaf(config, Automaton.TagOf(state), hash, behind);
        else
            Machine.EndValue(config, hash, behind);
        text.AddRange(rest);
        return behind.Configs[0];
    }
}
