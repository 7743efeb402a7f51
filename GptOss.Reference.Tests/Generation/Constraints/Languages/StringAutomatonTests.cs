using System.Text;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints.Languages;

public class StringAutomatonTests
{
    private static readonly string[] Pieces =
        ["a", "b", "z", "0", "é", "ß", "日", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0001", "\\u001f", "\\u00e9", "\\ud83d\\ude00", "\\ud83d",
            "\\ude00", "\\u000A", "\\x", "\"", "\t", "\\b", " ", "\u007f", "\ufffd"];

    public static TheoryData<string, string[]> Spellings => new()
    {
        { nameof(Spelling.Any), ["\"\"", "\"a\\u0061\"", "\"\\ud83d\\ude00\"", "\"\\/\"", "\"\\u000a\""] },
        { nameof(Spelling.Plain), ["\"\"", "\"é\"", "\"\\/\"", "\"\\u000a\"", "\"\\n\""] },
        { nameof(Spelling.Unique), ["\"\"", "\"é\"", "\"/\"", "\"\\u0001\"", "\"\\n\""] },
    };

    [Theory, MemberData(nameof(Spellings))]
    public void A_spelling_takes_what_it_says(string spelling, string[] texts)
    {
        foreach (string text in texts)
            Assert.True(Accepts(Of("", Enum.Parse<Spelling>(spelling)), Encoding.UTF8.GetBytes(text)), text);
    }

    [Theory]
    [InlineData("\"\\/\"")]
    [InlineData("\"\\u000a\"")]
    [InlineData("\"\\u001F\"")]
    [InlineData("\"\\u0061\"")]
    public void A_unique_spelling_takes_a_character_in_one_way_only(string text) =>
        Assert.False(Accepts(Of("", Spelling.Unique), Encoding.UTF8.GetBytes(text)));

    /// <summary>What is accepted is JSON whose value is in the language; raw text of the language is accepted.</summary>
    [Theory]
    [InlineData("^[a-z]*$")]
    [InlineData("é")]
    [InlineData("^(a|b)*0$")]
    [InlineData("^[^a]*$")]
    [InlineData("")]
    [InlineData("^.{2,3}$")]
    [InlineData("\\n|\\\\")]
    public void A_string_is_accepted_if_its_value_is_in_the_language(string pattern)
    {
        Dfa content = DfaOf(pattern);
        var random = new Random(7);
        Spelling[] spellings = pattern.Length == 0 ? [Spelling.Plain, Spelling.Unique, Spelling.Any] : [Spelling.Plain, Spelling.Unique];
        foreach (Spelling spelling in spellings)
        {
            StringAutomaton automaton = new(content, spelling);
            for (int i = 0; i < 3_000; i++)
            {
                string text = "\"" + string.Concat(Enumerable.Range(0, random.Next(5)).Select(_ => Pieces[random.Next(Pieces.Length)])) + "\"";
                bool isInLanguage = ValueOf(text) is { } value && content.TagOf(value) >= 0;
                bool isAccepted = Accepts(automaton, Encoding.UTF8.GetBytes(text));
                Assert.True(isInLanguage || !isAccepted, text);
                bool isRaw = isInLanguage && !text.Contains('\\');
                Assert.True(isAccepted || !isRaw, text);
            }
        }
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_rejected()
    {
        StringAutomaton any = StringAutomaton.AnyString;
        foreach (byte[] bytes in (byte[][])[[0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF], [0xC3], [0xE2, 0x82], [0x1F], [0x0A]])
        {
            Assert.False(Accepts(any, [(byte)'"', .. bytes, (byte)'"']), Convert.ToHexString(bytes));
        }
        for (int codePoint = 0x20; codePoint <= 0x10FFFF; codePoint += codePoint < 0x3000 ? 1 : 97)
        {
            if (Rune.IsValid(codePoint) && codePoint is not ('"' or '\\'))
                Assert.True(Accepts(any, Encoding.UTF8.GetBytes($"\"{new Rune(codePoint)}\"")), $"U+{codePoint:X4}");
        }
    }

    [Fact]
    public void Every_state_leads_to_an_end_and_knows_how_far_it_is()
    {
        foreach (string pattern in (string[])["^[a-c]{2,5}x$", "^(é|日本)+$", "^\\n\\u0001$", "[0-9]{3}"])
        {
            StringAutomaton automaton = new(DfaOf(pattern), Spelling.Plain);
            var distance = new Dictionary<int, int> { [automaton.Start] = 0 };
            var states = new Queue<int>(distance.Keys);
            while (states.TryDequeue(out int state))
            {
                List<int> successors = [.. Enumerable.Range(0, 256).Select(value => automaton.Next(state, (byte)value))];
                successors.RemoveAll(next => next == Automaton.Dead);
                Assert.NotEmpty(successors);
                if (automaton.IsBetweenCharacters(state))
                    Assert.Equal(successors.Exists(Automaton.IsFinal), automaton.CharactersToEnd(state) == 0);
                foreach (int next in successors.Where(next => next >= 0 && distance.TryAdd(next, 0)))
                    states.Enqueue(next);
            }
        }
    }

    [Theory]
    [InlineData("^[a-c]$", 3)]
    [InlineData("^[a-c]{0,2}$", 13)]
    [InlineData("^(yes|no)$", 2)]
    [InlineData("^é?$", 2)]
    public void Finitely_many_texts_are_counted(string pattern, long count)
    {
        StringAutomaton automaton = new(DfaOf(pattern), Spelling.Unique);
        Assert.Equal(count, automaton.TextsAhead(automaton.Start));
        Assert.Equal(long.MaxValue, StringAutomaton.AnyUniqueString.TextsAhead(0));
    }

    private static string? ValueOf(string json)
    {
        try
        {
            return JsonElement.Parse(json).GetString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static StringAutomaton Of(string pattern, Spelling spelling) => new(pattern.Length == 0 ? Dfa.AnyText : DfaOf(pattern), spelling);

    private static Dfa DfaOf(string pattern)
    {
        var work = new Work(10_000_000, TimeSpan.FromMinutes(1));
        var pool = new TermPool(work);
        return pattern.Length == 0 ? Dfa.AnyText : DfaBuilder.Build(pool, work, PatternParser.Parse(pattern).Search(pool));
    }

    private static bool Accepts(StringAutomaton automaton, byte[] text)
    {
        int state = automaton.Start;
        foreach (byte value in text)
        {
            if (state < 0)
                return false;
            state = automaton.Next(state, value);
        }
        return Automaton.IsFinal(state);
    }
}
