using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

/// <summary>Sound answers with one token, or several, lost, doubled or put in: what reaches the user and what is called.</summary>
public class DamagedStreamTests
{
    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;

    private static readonly string[] Sound =
    [
        "<|channel|>analysis<|message|>We think.<|end|><|start|>assistant<|channel|>final<|message|>You can set to=admin in " +
            "python, Oslo is it.<|return|>",
        "<|channel|>analysis<|message|>Call.<|end|><|start|>assistant<|channel|>commentary<|message|>Looking it up now.<|end|>"
            + "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>",
        "<|channel|>analysis to=python code<|message|>print(1)<|call|>",
        "<|channel|>final <|constrain|>json<|message|>{\"town\": \"Bergen\"}<|return|>",
        "<|channel|>final<|message|>One thing.<|end|><|start|>assistant<|channel|>final<|message|>Another thing.<|return|>",
    ];

    private static readonly string[] Structure = ["<|start|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"];

    private static bool IsStructure(int id) => Structure.Any(name => O200k.SpecialId(name) == id);

    private static bool IsForTheUser(Message message) =>
        message.Role == Role.Assistant && MessageKinds.Of(message) is MessageKind.Answer or MessageKind.Preamble;

    // Words of letters, in order: damage may cut a word in two or drop punctuation, but no letter goes missing.
    private static string Letters(IEnumerable<Message> messages) =>
        string.Concat(string.Concat(messages.Where(IsForTheUser).Select(message => message.Text)).Where(char.IsLetter));

    private static HashSet<string> Calls(IEnumerable<Message> messages) =>
        [.. messages.Where(message => message.Role == Role.Assistant && MessageKinds.Of(message) == MessageKind.Call)
            .Select(message => message.Recipient!)];

    [Fact]
    public void One_lost_structural_token_loses_nothing_for_the_user_and_calls_no_one_else() =>
        ForEach(Sound,
            ids => Enumerable.Range(0, ids.Length).Where(at => IsStructure(ids[at])).Select(at => (int[])[.. ids[..at], .. ids[(at + 1)..]]));

    [Fact]
    public void One_structural_token_too_many_loses_nothing_for_the_user_and_calls_no_one_else() =>
        ForEach(Sound, ids => Enumerable.Range(0, ids.Length + 1).SelectMany(at =>
            Structure.Select(name => (int[])[.. ids[..at], O200k.SpecialId(name)!.Value, .. ids[at..]])));

    [Fact]
    public void One_lost_word_of_a_header_loses_nothing_for_the_user_and_calls_no_one_else() =>
        ForEach(Sound, ids => HeaderWords(ids).Select(at => (int[])[.. ids[..at], .. ids[(at + 1)..]]));

    [Fact]
    public void A_stream_cut_at_any_token_keeps_what_the_user_had_of_it()
    {
        foreach (string text in Sound)
        {
            int[] ids = O200k.EncodeWithSpecials(text);
            for (int length = 0; length <= ids.Length; length++)
            {
                var parser = HarmonyParser.Parse(O200k, ids.AsSpan(0, length), Role.Assistant);
                Assert.StartsWith(Letters(parser.Messages), Letters(HarmonyParser.Parse(O200k, ids, Role.Assistant).Messages),
                    StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Much_damage_calls_only_what_was_called_and_throws_nothing()
    {
        var random = new Random(11);
        for (int round = 0; round < 20_000; round++)
        {
            string text = Sound[random.Next(Sound.Length)];
            List<int> ids = [.. O200k.EncodeWithSpecials(text)];
            for (int count = random.Next(1, 5); count > 0 && ids.Count > 0; count--)
            {
                int at = random.Next(ids.Count);
                if (random.Next(2) == 0)
                    ids.RemoveAt(at);
                else
                    ids.Insert(at, O200k.SpecialId(Structure[random.Next(Structure.Length)])!.Value);
            }

            RecoveringTests.CheckRecovery([.. ids], Role.Assistant);
            var parser = HarmonyParser.Parse(O200k, [.. ids], Role.Assistant);
            Assert.True(parser.Messages.All(message => message.Recipient?.Contains("admin", StringComparison.Ordinal) != true),
                $"{O200k.Decode([.. ids])}\n{MessageJson.Text(parser.Messages)}");
        }
    }

    private static void ForEach(string[] sound, Func<int[], IEnumerable<int[]>> damage)
    {
        foreach (string text in sound)
        {
            int[] ids = O200k.EncodeWithSpecials(text);
            IReadOnlyList<Message> meant = HarmonyParser.Parse(O200k, ids, Role.Assistant, ParsingMode.Strict).Messages;
            foreach (int[] damaged in damage(ids))
            {
                var parser = HarmonyParser.Parse(O200k, damaged, Role.Assistant);
                string what = $"{O200k.Decode(damaged)}\n{MessageJson.Text(parser.Messages)}";
                int next = 0;
                string found = Letters(parser.Messages);
                foreach (char letter in Letters(meant))
                {
                    next = found.IndexOf(letter, next) + 1;
                    Assert.True(next > 0, what);
                }

                // A name that was cut in two is a part of itself, and what lost its = begins with what stood before.
                Assert.True(Calls(parser.Messages)
                    .All(call => Calls(meant)
                        .Any(name => call.Contains(name, StringComparison.Ordinal) || name.Contains(call, StringComparison.Ordinal))), what);
            }
        }
    }

    private static IEnumerable<int> HeaderWords(int[] ids)
    {
        bool isHeader = true;
        for (int at = 0; at < ids.Length; at++)
        {
            if (ids[at] == O200k.SpecialId("<|message|>"))
                isHeader = false;
            else if (ids[at] == O200k.SpecialId("<|start|>"))
                isHeader = true;
            else if (isHeader && !IsStructure(ids[at]))
                yield return at;
        }
    }
}
