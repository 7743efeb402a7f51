using System.Text;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Harmony;

/// <summary>The headers that the messages of a turn may have, as one automaton whose control tokens are bytes that no text has.</summary>
/// <remarks>
/// The recipient may come before the channel, as templates write it, or after it, as models do; the content type with <c>&lt;|constrain|&gt;</c> or
/// as a word. All spellings of <c>harmony.md</c> that are in distribution, and no others.
/// </remarks>
internal sealed class HarmonyHeaders
{
    /// <summary>Bytes that stand for control tokens.</summary>
    internal const byte ChannelByte = 0xF8, MessageByte = 0xF9, ConstrainByte = 0xFA, StartByte = 0xFB;

    private static readonly string[] JsonTypes = ["", " \u0001json", "\u0001json", " json", " code"];
    private static readonly string[] TextTypes = ["", " code", " text"];

    private readonly List<byte[]> _texts = [];
    private readonly List<HarmonyPart> _parts = [];

    private HarmonyHeaders(HarmonyRules rules, string before)
    {
        bool mayCall = rules.Calls.Any(call => !call.IsBuiltIn);
        // A call that is demanded comes after one thought: a model that does not want to make it would think without end.
        bool mayThink = rules.MayAnswer || before.Length == 0;
        if (mayThink)
            Add($"{before}\u0000analysis", [""], new HarmonyPart(HarmonyPartKind.Analysis, null));
        if (mayCall && mayThink)
            Add($"{before}\u0000commentary", [""], new HarmonyPart(HarmonyPartKind.Preamble, null));
        if (rules.MayAnswer)
            Add($"{before}\u0000final", rules.Answer is null ? [""] : JsonTypes[..3], new HarmonyPart(HarmonyPartKind.Answer, rules.Answer));
        foreach (HarmonyCall call in rules.Calls)
        {
            string[] types = call.Arguments is null ? TextTypes : JsonTypes;
            foreach (string channel in call.IsBuiltIn ? ["analysis", "commentary"] : (ReadOnlySpan<string>)["commentary"])
            {
                var part = new HarmonyPart(call.IsBuiltIn ? HarmonyPartKind.BuiltInCall : HarmonyPartKind.Call, call.Arguments);
                Add($"{before}\u0000{channel} to={call.Recipient}", types, part);
                foreach (string type in types)
                    Add($"{before} to={call.Recipient}\u0000{channel}{type}", [""], part);
            }
        }
        Automaton = new LiteralAutomaton(_texts);
    }

    /// <summary>The headers of the first message, and those of the later ones, which begin with <c>&lt;|start|&gt;</c>.</summary>
    internal static (HarmonyHeaders First, HarmonyHeaders Later) Of(HarmonyRules rules) => (new(rules, ""), new(rules, "\u0002assistant"));

    /// <summary>The headers, each ended by <see cref="MessageByte"/>; the tag is an index for <see cref="PartOf"/>.</summary>
    internal LiteralAutomaton Automaton { get; }

    /// <summary>What a header begins.</summary>
    internal HarmonyPart PartOf(int tag) => _parts[tag];

    /// <summary>The shortest rest of a header that begins so, of the parts that a turn can end with.</summary>
    internal (byte[] Ending, HarmonyPart Part) ShortestEnd(ReadOnlySpan<byte> begun)
    {
        int best = -1;
        for (int i = 0; i < _texts.Count; i++)
        {
            bool isEnd = _parts[i].Kind is HarmonyPartKind.Answer or HarmonyPartKind.Call or HarmonyPartKind.BuiltInCall;
            if (isEnd && _texts[i].AsSpan().StartsWith(begun) && (best < 0 || Rank(i).CompareTo(Rank(best)) < 0))
                best = i;
        }
        return best < 0 ? ([], new HarmonyPart(HarmonyPartKind.Analysis, null)) : (_texts[best][begun.Length..], _parts[best]);
    }

    // An answer before a call, a call before one of a built-in tool.
    private (HarmonyPartKind, int) Rank(int i) => (_parts[i].Kind, _texts[i].Length);

    private void Add(string header, ReadOnlySpan<string> types, HarmonyPart part)
    {
        foreach (string type in types)
        {
            byte[] text = Encoding.UTF8.GetBytes(header + type + "\u0003");
            for (int i = 0; i < text.Length; i++)
                text[i] = text[i] switch { 0 => ChannelByte, 1 => ConstrainByte, 2 => StartByte, 3 => MessageByte, var other => other };
            if (_texts.Exists(known => known.AsSpan().SequenceEqual(text)))
                continue;
            _texts.Add(text);
            _parts.Add(part);
        }
    }
}

/// <summary>The messages of a turn; those that end it in the order of preference.</summary>
internal enum HarmonyPartKind
{
    Analysis,
    Preamble,
    Answer,
    Call,
    BuiltInCall,
}

/// <summary>A message of a turn, and what its content is held to; null for any text.</summary>
internal sealed record HarmonyPart(HarmonyPartKind Kind, Generation.Constraints.JsonSchema? Content);
