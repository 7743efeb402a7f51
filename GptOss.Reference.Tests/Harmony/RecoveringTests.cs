using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Cli.Options;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

/// <summary>The recovering parser: by example, and for any tokens.</summary>
public class RecoveringTests
{
    private static Tokenizer O200k => Tokenizer.O200kHarmony;

    private static HarmonyParser Parse(string text, Role? role = Role.Assistant) => HarmonyParser.Parse(O200k, O200k.EncodeWithSpecials(text), role);

    // ROLE[:NAME] CHANNEL>RECIPIENT#TYPE "TEXT"
    private static string Shown(Message message) =>
        message.Role.Word() + (message.Name is { } name ? ":" + name : "") + " " + message.Channel + (message.Recipient is { } to ? ">" + to : "") +
        (message.ContentType is { } type ? "#" + type : "") + " " + message.Text.Replace("\n", "⏎", StringComparison.Ordinal);

    private static string Shown(Repair repair) => $"{repair.At} {repair.Kind} {repair.Text}";

    [Theory]
    // strict succeeds: nothing to mend, whatever the words
    [InlineData("<|channel|>final<|message|>ok<|return|>", "assistant final ok", "")]
    [InlineData("<|channel|>commentary?commentary?<|message|>ok<|end|>", "assistant commentary?commentary? ok", "")]
    [InlineData("<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>",
        "assistant commentary>functions.f#<|constrain|>json {}", "")]
    [InlineData("<|channel|>final<|constrain|>json<|message|>{}<|return|>", "assistant final#<|constrain|>json {}", "")]
    [InlineData("<|channel|>commentary <|constrain|> json<|message|>{}<|call|>", "assistant commentary#<|constrain|> {}", "6 MalformedHeader json")]
    [InlineData("", "", "")]
    // headers that strict refuses
    [InlineData("<|channel|><|message|>ok<|return|>", "assistant  ok", "1 MalformedHeader ")]
    [InlineData("<|channel|> final<|message|>ok<|return|>", "assistant final ok", "2 MalformedHeader ")]
    [InlineData("<|channel|>commentary to=assistant<|channel|>analysis<|message|>ok<|end|>", "assistant analysis>assistant ok",
        "8 MalformedHeader commentary")]
    [InlineData("<|channel|>final??<|channel|>final<|message|>ok", "assistant final ok", "5 MalformedHeader final ??")]
    [InlineData("<|channel|>commentary to=functions.f to=python json<|message|>{}<|call|>",
        "assistant commentary>functions.f#to=python {}", "11 MalformedHeader json")]
    [InlineData(" to=browser.search<|channel|>analysis <|constrain|> json<|message|>{}<|call|>",
        "assistant analysis>browser.search#<|constrain|> json {}", "9 MalformedHeader ")]
    [InlineData(" a b c<|message|>ok<|end|>", "assistant  a b c|assistant  ok", "3 MalformedHeader ")]
    [InlineData("<|start|>assistant<|channel|>final<|message|>ok<|return|>", "assistant final ok", "0 RestartedHeader ")]
    [InlineData("<|channel|>analysis so<|start|>assistant<|channel|>final<|message|>ok<|return|>", "assistant analysis so|assistant final ok",
        "3 CutHeader ")]
    [InlineData("<|channel|>commentary to=functions.f<|start|>assistant<|channel|>final<|message|>ok<|return|>",
        "assistant final ok", "7 RestartedHeader <|channel|>commentary to=functions.f")]
    [InlineData("<|end|><|start|>assistantassistant<|channel|>final<|message|>ok<|end|>", "assistant final ok", "0 EmptyHeader |6 MalformedHeader ")]
    [InlineData("<|end|><|start|><|channel|>final<|message|>ok<|end|>", "assistant final ok", "0 EmptyHeader |4 MalformedHeader ")]
    [InlineData("<|end|><|start|>browser.search<|channel|>analysis<|message|>ok<|end|>", "tool:browser.search analysis ok",
        "0 EmptyHeader |6 MalformedHeader ")]
    // headers that end without <|message|>
    [InlineData("I must refuse<|end|><|start|>assistant<|channel|>final<|message|>ok", "assistant  I must refuse|assistant final ok", "3 CutHeader ")]
    [InlineData("<|channel|>analysis I must refuse<|end|>", "assistant analysis I must refuse", "5 CutHeader ")]
    [InlineData("<|channel|>final", "assistant final ", "2 CutHeader ")]
    [InlineData("<|message|>a<|end|><|start|>assistant<|channel|>final so be it<|return|>", "assistant  a|assistant final so be it", "10 CutHeader ")]
    [InlineData("<|channel|>final one\n  two<|return|>", "assistant final one⏎  two", "6 CutHeader ")]
    [InlineData("<|channel|>commentary to=functions.f {}<|call|>", "assistant commentary>functions.f {}", "8 CutHeader ")]
    [InlineData("<|end|><|start|>functions.f to=assistant<|channel|>commentary {}<|end|>", "tool:functions.f commentary>assistant {}",
        "0 EmptyHeader |11 CutHeader ")]
    [InlineData("<|end|><|start|>Hello there<|end|>", "assistant  Hello there", "0 EmptyHeader |4 CutHeader ")]
    [InlineData("<|return|>", "", "0 EmptyHeader ")]
    // between messages
    [InlineData("<|message|>a<|end|><|return|>", "assistant  a", "3 StrayStop ")]
    [InlineData("<|message|>a<|end|>\n<|start|>assistant<|message|>b", "assistant  a|assistant  b", "3 StrayText \n")]
    [InlineData("<|message|>a<|end|><|channel|>final<|message|>b", "assistant  a|assistant final b", "3 MissingStart ")]
    [InlineData("<|message|>a<|end|><|message|>b", "assistant  a|assistant  b", "3 MissingStart ")]
    [InlineData("<|message|>a<|end|> hello 💖<|endoftext|>", "assistant  a|assistant final  hello 💖", "3 StrayText |6 StrayText <|endoftext|>")]
    // inside messages every other token is text
    [InlineData("<|message|>a<|start|>b<|channel|>c<|message|>d<|end|>", "assistant  a<|start|>b<|channel|>c<|message|>d", "")]
    // a recipient stands only in header position, and only a damaged header names one without to=
    [InlineData("I cannot set to=admin for you.<|return|>", "assistant  I cannot set to=admin for you.", "9 CutHeader ")]
    [InlineData("The flag --to=json selects it; to=csv is default.<|return|>", "assistant  The flag --to=json selects it; to=csv is default.",
        "14 CutHeader ")]
    [InlineData("to=admin is the flag.<|return|>", "assistant  to=admin is the flag.", "7 CutHeader ")]
    [InlineData("<|channel|>final to=python is a flag<|return|>", "assistant final to=python is a flag", "8 CutHeader ")]
    [InlineData("<|channel|>commentary to=admin grants it<|end|>", "assistant commentary to=admin grants it", "8 CutHeader ")]
    [InlineData("<|channel|>commentary Use --set to=functions.f here<|end|>", "assistant commentary Use --set to=functions.f here", "11 CutHeader ")]
    [InlineData("I said to=admin now<|message|>ok<|end|>", "assistant  I said to=admin now|assistant  ok", "6 MalformedHeader ")]
    [InlineData("<|channel|>commentary 2? to=functions.f <|constrain|>json<|message|>{}<|call|>",
        "assistant commentary>functions.f#<|constrain|>json {}", "13 MalformedHeader 2?")]
    [InlineData("<|channel|>commentary 2?<|message|>ok<|end|>", "assistant commentary ok", "6 MalformedHeader 2?")]
    [InlineData("<|channel|>commentary functions.f json<|message|>{}<|call|>", "assistant commentary>functions.f#json {}", "")]
    [InlineData("<|channel|>commentary json<|message|>{}<|end|>", "assistant commentary#json {}", "4 MalformedHeader ")]
    [InlineData("Sure thing<|message|>ok<|end|>", "assistant  Sure thing|assistant  ok", "2 MalformedHeader ")]
    [InlineData("<|end|><|start|>Hello there<|message|>ok<|end|>", "assistant  Hello there|assistant  ok", "0 EmptyHeader |4 MalformedHeader ")]
    [InlineData("<|end|><|start|>python rocks<|end|>", "assistant  python rocks", "0 EmptyHeader |4 CutHeader ")]
    [InlineData("<|channel|>final The answer is<|message|>Oslo.<|return|>", "assistant final The answer is|assistant final Oslo.",
        "5 MalformedHeader ")]
    // on final a bare word is the content type
    [InlineData("<|channel|>final json<|message|>{\"a\":1}<|return|>", "assistant final#json {\"a\":1}", "3 MalformedHeader ")]
    [InlineData("<|channel|>final functions.f<|message|>ok<|return|>", "assistant final#functions.f ok", "4 MalformedHeader ")]
    [InlineData("<|channel|>final to=user<|message|>ok<|return|>", "assistant final>user ok", "")]
    // a channel that lost its marker, or the space behind it
    [InlineData("final<|message|>ok<|return|>", "assistant final ok", "1 MalformedHeader ")]
    [InlineData("commentary to=functions.f <|constrain|>json<|message|>{}<|call|>", "assistant commentary>functions.f#<|constrain|>json {}",
        "9 MalformedHeader ")]
    [InlineData("<|end|><|start|>assistantfinal<|message|>ok<|return|>", "assistant final ok", "0 EmptyHeader |4 MalformedHeader ")]
    [InlineData("<|channel|>finalOslo is it.<|return|>", "assistant final Oslo is it.", "7 CutHeader ")]
    [InlineData("<|channel|>commentary to=functions.f <|constrain|>json{\"a\": 1}<|call|>",
        "assistant commentary>functions.f#<|constrain|>json {\"a\": 1}", "16 CutHeader ")]
    [InlineData("<|channel|>Hm. Let me see<|end|>", "assistant  Hm. Let me see", "6 CutHeader ")]
    // text that no header announces is an answer
    [InlineData("<|channel|>analysis<|message|>Think.<|end|>{\"town\":\"Bergen\"}<|return|>",
        "assistant analysis Think.|assistant final {\"town\":\"Bergen\"}", "6 StrayText ")]
    [InlineData("<|message|>a<|end|>\n\nOslo.<|end|> And Bergen.<|return|>",
        "assistant  a|assistant final Oslo.|assistant final  And Bergen.", "3 StrayText \n\n|8 StrayText ")]
    [InlineData("<|message|>a<|end|>Hello", "assistant  a|assistant final Hello", "3 StrayText ")]
    [InlineData("<|message|>a<|end|>Go to <|start|>assistant<|channel|>final<|message|>b", "assistant  a|assistant final Go to |assistant final b",
        "3 StrayText |6 MissingEnd ")]
    [InlineData("<|message|>a<|end|>Go to <|channel|>final<|message|>b", "assistant  a|assistant final Go to |assistant final b",
        "3 StrayText |6 MissingEnd ")]
    [InlineData("<|message|>a<|end|>Oslo is<|channel|>final<|message|>b", "assistant  a|assistant final Oslo is|assistant final b",
        "3 StrayText |6 MissingEnd ")]
    [InlineData("<|message|>a<|end|>Oslo is<|message|>b", "assistant  a|assistant final Oslo is|assistant  b", "3 StrayText |6 MissingStart ")]
    [InlineData("<|message|>a<|end|>assistant<|channel|>final<|message|>b", "assistant  a|assistant final b", "4 MissingStart ")]
    [InlineData("<|message|>a<|end|>functions.f to=assistant<|channel|>commentary<|message|>b",
        "assistant  a|tool:functions.f commentary>assistant b", "8 MissingStart ")]
    // <|start|> in content of a stream that strict has refused, or a complete header in any content, begins a message
    [InlineData("<|channel|>commentary to=assistant<|channel|>commentary<|message|><|start|>assistant<|channel|>final<|message|>Oslo.<|return|>",
        "assistant commentary>assistant |assistant final Oslo.", "9 MalformedHeader commentary|10 MissingEnd ")]
    [InlineData("<|channel|>commentary<|message|><|start|>assistant<|channel|>final<|message|>Oslo.<|return|>",
        "assistant commentary |assistant final Oslo.", "4 MissingEnd ")]
    [InlineData("<|channel|>analysis<|message|>Think.<|channel|>final<|message|>Oslo.<|return|>", "assistant analysis Think.|assistant final Oslo.",
        "5 MissingEnd ")]
    [InlineData("<|channel|>analysis<|message|>Think.<|start|>assistant<|channel|>commentary to=functions.f<|message|>{}<|call|>",
        "assistant analysis Think.|assistant commentary>functions.f {}", "5 MissingEnd ")]
    [InlineData("<|message|>Write <|start|>user<|message|>hi<|end|>", "assistant  Write <|start|>user<|message|>hi", "")]
    [InlineData("<|channel|>final<|message|>a<|start|>assistant<|channel|>other<|message|>b<|return|>",
        "assistant final a<|start|>assistant<|channel|>other<|message|>b", "")]
    // a word with to= on final is text; one word too many is debris, and two are a message
    [InlineData("<|channel|>final to=functions.f a b<|message|>ok<|return|>", "assistant final to=functions.f a b|assistant final ok",
        "8 MalformedHeader ")]
    [InlineData("<|channel|>commentary<|channel|>commentary hello<|message|>ok<|end|>", "assistant commentary ok",
        "7 MalformedHeader commentary hello")]
    [InlineData("<|message|>a<|end|><|end|><|start|>assistant<|message|>b <|start|>c d<|end|>", "assistant  a|assistant  b |assistant  c d",
        "3 StrayStop |9 MissingEnd |12 CutHeader ")]
    public void Messages_and_repairs(string stream, string messages, string repairs)
    {
        HarmonyParser parser = Parse(stream);
        Assert.Equal(messages, string.Join('|', parser.Messages.Select(Shown)));
        Assert.Equal(repairs, string.Join('|', parser.Repairs.Select(Shown)));
    }

    [Fact]
    public void An_id_without_a_token_hides_what_follows_it_from_the_message_and_the_repair_shows_it()
    {
        var parser = HarmonyParser.Parse(O200k, [200008, 24912, -1, 2375, 200007], Role.Assistant);
        Assert.Equal("assistant  hello\uFFFD", Shown(parser.Messages.Single()));
        Assert.Equal("2 UnknownToken <|id -1|> world", Shown(parser.Repairs.Single()));
    }

    [Fact]
    public void An_id_without_a_token_is_found_where_it_is_also_behind_what_could_have_been_a_header()
    {
        int[] begin = O200k.EncodeWithSpecials("<|channel|>final<|message|>a<|start|>b");
        var parser = HarmonyParser.Parse(O200k, [.. begin, -1, 200002], Role.Assistant);
        Assert.Equal("assistant final a<|start|>b\uFFFD", Shown(parser.Messages.Single()));
        Assert.Equal($"{begin.Length} UnknownToken <|id -1|>", Shown(parser.Repairs.Single()));
    }

    [Fact]
    public void Text_behind_a_channel_token_is_not_held_back_for_long()
    {
        var parser = new HarmonyParser(O200k, Role.Assistant);
        foreach (int id in O200k.EncodeWithSpecials("<|channel|>final<|message|>a<|channel|>" + string.Concat(Enumerable.Repeat(" word", 70))))
            parser.Append(id);
        Assert.StartsWith("a<|channel|> word word", parser.CurrentContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Deltas_say_whose_they_are_and_never_split_a_character()
    {
        var parser = new HarmonyParser(O200k, Role.Assistant);
        var deltas = new List<MessageDelta>();
        foreach (int id in O200k.EncodeWithSpecials(
            "<|channel|>commentary to=functions.f<|message|>💖!<|call|><|start|>assistant<|channel|>final so"))
        {
            if (parser.Append(id) is { } delta)
                deltas.Add(delta);
        }
        if (parser.End() is { } last)
            deltas.Add(last);
        Assert.Equal(
            [
                new MessageDelta(0, Role.Assistant, "commentary", "functions.f", null, "💖"),
                new MessageDelta(0, Role.Assistant, "commentary", "functions.f", null, "!"),
                new MessageDelta(1, Role.Assistant, "final", null, null, "so"),
            ],
            deltas);
    }

    private static readonly int[] Special = [200002, 200003, 200005, 200006, 200007, 200008, 200012];

    // Streams in which structure is likely: special tokens, header words, text, halves of characters, unknown ids.
    private static readonly int[] Likely =
    [
        .. Special, .. Special, 199999, 173781, 173781, 1428, 46071, 16718, 316, 28, 35644, 12606, 815, 17196, 4108, 5701, 24912, 2375, 198, 220,
        9552, 31446, 244, -1,
    ];

    private static Arbitrary<int[]> Streams =>
        Gen.OneOf(Gen.Elements(Likely).ArrayOf(), Gen.Elements(Likely).ArrayOf(), Gen.Choose(-2, 201_100).ArrayOf()).ToArbitrary();

    [Fact]
    public void Any_stream_parses_without_exception_and_without_loss() => Prop.ForAll(Streams, ids =>
    {
        CheckRecovery(ids, null);
        CheckRecovery(ids, Role.Assistant);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000).WithEndSize(40));

    /// <summary>Fails unless recovery of a stream keeps all that <see cref="RecoveringTests"/> promises.</summary>
    internal static void CheckRecovery(int[] ids, Role? role)
    {
        var parser = new HarmonyParser(O200k, role);
        var byMessage = new Dictionary<int, string>();
        void Collect(MessageDelta? delta)
        {
            if (delta is { } part)
                byMessage[part.Message] = byMessage.GetValueOrDefault(part.Message, "") + part.Text;
        }
        foreach (int id in ids)
            Collect(parser.Append(id));
        Collect(parser.End());
        for (int i = 0; i < parser.Messages.Count; i++)
            Assert.Equal(parser.Messages[i].Text, byMessage.GetValueOrDefault(i, ""));

        // No text is lost: every character that is no white space and belongs to no role's word is in a message or in a repair.
        if (ids.All(O200k.IsKnown))
        {
            string held =
                string.Concat(
                    parser.Messages.Select(message => $"{message.Name}to={message.Recipient}{message.Channel}{message.ContentType}{message.Text}")) +
                string.Concat(parser.Repairs.Select(repair => repair.Text));
            string text = O200k.Decode([.. ids.Where(id => !Special.Contains(id))]);
            foreach (string word in (string[])["assistant", "user", "to="])
                text = text.Replace(word, "", StringComparison.Ordinal);
            foreach (IGrouping<char, char> letters in text.Where(c => c is > ' ' and <= '~').GroupBy(c => c))
            {
                Assert.True(held.Count(c => c == letters.Key) >= letters.Count(),
                    $"'{letters.Key}' of '{text}' is in no message and in no repair: {held}");
            }
        }

        // Strict's messages wherever strict succeeds and no header holds a special token that it should not.
        HarmonyParser? strict = null;
        try
        {
            strict = HarmonyParser.Parse(O200k, ids, role, ParsingMode.Strict);
        }
        catch (HarmonyFormatException)
        {
        }
        if (strict is null || !HasPlainHeaders(ids, role) || !strict.Messages.All(MeansWhatItSays))
            return;
        Assert.Equal(strict.Messages, parser.Messages);
        Assert.All(parser.Repairs, repair => Assert.Equal(RepairKind.UnknownToken, repair.Kind));
    }

    // Not so: a recipient without the form of a tool's name, which to= may or may not have announced, and a header inside content.
    private static bool MeansWhatItSays(Message message) =>
        (message.Recipient is not { } to || (message.Channel != "final" && ToolName.IsMatch(to))) &&
        (message.Name is null or "tool" || ToolName.IsMatch(message.Name)) && !message.Text.Contains("<|channel|>", StringComparison.Ordinal);

    private static readonly Regex ToolName = new(@"^(python|[A-Za-z_]\w*(\.\w+)+)$");

    private static bool HasPlainHeaders(int[] ids, Role? role)
    {
        ParserState state = role is null ? ParserState.ExpectStart : ParserState.Header;
        int channels = 0, constrains = 0;
        foreach (int id in ids)
        {
            if (state == ParserState.ExpectStart)
            {
                (state, channels, constrains) = (ParserState.Header, 0, 0);
            }
            else if (state == ParserState.Content)
            {
                if (id is 200002 or 200007 or 200012)
                    state = ParserState.ExpectStart;
            }
            else if (id == 200008)
            {
                state = ParserState.Content;
            }
            else
            {
                channels += id == 200005 ? 1 : 0;
                constrains += id == 200003 ? 1 : 0;
                if (channels > 1 || constrains > 1 || (O200k.IsSpecial(id) && id is not (200003 or 200005)))
                    return false;
            }
        }

        return true;
    }
}
