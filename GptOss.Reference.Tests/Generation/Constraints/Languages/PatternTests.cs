using System.Text.RegularExpressions;
using GptOss.Reference.Generation.Constraints.Languages;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints.Languages;

/// <summary>Patterns, terms and their automata against .NET's own regular expressions.</summary>
public class PatternTests
{
    private static readonly string[] Atoms = ["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\d", "\\w", "(a|bc)", "(?:b|)", "\\.", "x"];

    private static readonly string[] Suffixes = ["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"];

    [Fact]
    public void A_pattern_finds_what_dotnet_finds()
    {
        int built = 0;
        var random = new Random(11);
        for (int i = 0; i < 400; i++)
        {
            string pattern = RandomPattern(random, 3);
            if (Small(() => DfaOf(pattern)) is not { } dfa)
                continue;
            built++;
            // RegexOptions.ECMAScript has no Unicode; the texts here have none either.
            var regex = new Regex(pattern, RegexOptions.CultureInvariant);
            for (int t = 0; t < 60; t++)
            {
                string text = new([.. Enumerable.Range(0, random.Next(8)).Select(_ => "abcx.01"[random.Next(7)])]);
                Assert.True(regex.IsMatch(text) == (dfa.Start != Dfa.Dead && dfa.TagOf(text) >= 0), $"{pattern} in '{text}'");
            }
        }
        Assert.InRange(built, 300, 400);                     // others have too many states
    }

    [Theory]
    [InlineData("^(?=.*\\d)[a-c\\d]{3}$", new[] { "ab1", "111", "1bc" }, new[] { "abc", "1234", "" })]
    [InlineData("^(?!ab)[a-c]{3}$", new[] { "bca", "aab", "ccc" }, new[] { "abc", "aba" })]
    [InlineData("^\\u00e9\\x41\\t$", new[] { "éA\t" }, new[] { "eA\t", "éA" })]
    [InlineData("^\\p{Lu}\\p{Ll}+$", new[] { "Äé", "Ab" }, new[] { "ab", "A", "A1" })]
    [InlineData("^\\P{L}$", new[] { "1", "-", "\u0301" }, new[] { "a", "ß" })]
    [InlineData("^[\\w-]+@[\\w.]+$", new[] { "a-b@c.d" }, new[] { "@c", "a b@c" })]
    [InlineData("^[^\\n]$", new[] { "😀", "\r" }, new[] { "\n", "ab" })]
    [InlineData("a{2}|^$", new[] { "", "xaax" }, new[] { "a", "x" })]
    [InlineData("^\\cJ$", new[] { "\n" }, new[] { "J" })]
    [InlineData("^[\\]\\-a]$", new[] { "]", "-", "a" }, new[] { "\\", "b" })]
    public void What_is_particular_to_ecmascript_is_kept(string pattern, string[] found, string[] missed)
    {
        Dfa dfa = DfaOf(pattern);
        Assert.All(found, text => Assert.True(dfa.TagOf(text) >= 0, text));
        Assert.All(missed, text => Assert.True(dfa.TagOf(text) < 0, text));
    }

    [Theory]
    [InlineData("(")]
    [InlineData("a**")]
    [InlineData("[b-a]")]
    [InlineData("(?<=a)b")]
    [InlineData("(a)\\1")]
    [InlineData("\\bx")]
    [InlineData("a{3,2}")]
    [InlineData("(?:(?=a)b)*")]
    [InlineData("\\p{Nonsense}")]
    public void What_no_automaton_follows_is_refused_with_a_reason(string pattern) =>
        Assert.NotEmpty(Assert.Throws<PatternException>(() => DfaOf(pattern)).Message);

    [Fact]
    public void Terms_obey_the_laws_of_languages()
    {
        var work = new Work(100_000_000, TimeSpan.FromMinutes(5));
        var pool = new TermPool(work);
        var random = new Random(2);
        Term Any() => PatternParser.Parse(RandomPattern(random, 2)).Search(pool);
        for (int i = 0; i < 150; i++)
        {
            (Term a, Term b) = (Any(), Any());
            Assert.Same(pool.Either(a, b), pool.Either(b, a));
            Assert.Same(pool.Both(a, b), pool.Both(b, a));
            Assert.Same(a, pool.Both(a, a));
            Assert.Same(a, pool.Not(pool.Not(a)));
            Assert.Same(pool.Nothing, pool.Both(a, pool.Nothing));
            Assert.Same(pool.AnyText, pool.Either(a, pool.AnyText));
            Assert.Same(pool.Nothing, pool.Sequence(a, pool.Nothing));
            Assert.Same(a, pool.Sequence(pool.Empty, a));
            if (Small(() => Build(pool.Both(a, b))) is not { } both || Small(() => Build(pool.Either(a, b))) is not { } either)
                continue;
            (Dfa not, Dfa one, Dfa two) = (Build(pool.Not(a)), Build(a), Build(b));
            for (int t = 0; t < 30; t++)
            {
                string text = new([.. Enumerable.Range(0, random.Next(6)).Select(_ => "abcx1"[random.Next(5)])]);
                (bool inA, bool inB) = (Has(one, text), Has(two, text));
                Assert.Equal((inA && inB, inA || inB, !inA), (Has(both, text), Has(either, text), Has(not, text)));
            }
        }
        Dfa Build(Term term) => DfaBuilder.Build(pool, work, term);
    }

    [Fact]
    public void An_automaton_knows_the_lengths_of_its_texts_and_the_shortest()
    {
        var random = new Random(4);
        for (int i = 0; i < 150; i++)
        {
            string pattern = $"^(?:{RandomPattern(random, 2)})$";
            if (Small(() => DfaOf(pattern)) is not { Start: not Dfa.Dead } dfa)
                continue;
            // Lengths by stepping all states at once.
            HashSet<int> reached = [dfa.Start];
            int? shortest = null;
            for (int length = 0; length < 12; length++)
            {
                bool isLength = reached.Any(state => dfa.Tags[state] >= 0);
                Assert.Equal(isLength, Dfa.HasLength(dfa.Lengths[dfa.Start], length, length));
                shortest ??= isLength ? length : null;
                reached = [.. reached.SelectMany(state => Enumerable.Range(0, 128).Select(c => dfa.Next(state, c)))];
                reached.Remove(Dfa.Dead);
            }
            if (shortest is not null)
                Assert.Equal((shortest.Value, shortest.Value), (dfa.Shortest, dfa.Distances[dfa.Start]));
        }
    }

    [Fact]
    public void Sets_of_characters_are_sets()
    {
        var random = new Random(6);
        CharSet Any() => CharSet.Of([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(0, 200))
            .Select(first => (first, first + random.Next(30)))]);
        for (int i = 0; i < 300; i++)
        {
            (CharSet a, CharSet b) = (Any(), Any());
            (CharSet union, CharSet both, CharSet not) = (a.Union(b), a.Intersect(b), a.Complement());
            for (int c = 0; c < 300; c++)
            {
                Assert.Equal((a.Contains(c) || b.Contains(c), a.Contains(c) && b.Contains(c), !a.Contains(c)),
                    (union.Contains(c), both.Contains(c), not.Contains(c)));
            }
            Assert.Equal(a, not.Complement());
        }
        Assert.False(CharSet.Any.Contains(0xD800));
    }

    [Fact]
    public void Costly_patterns_exceed_their_work()
    {
        var work = new Work(20_000, TimeSpan.FromMinutes(1));
        var pool = new TermPool(work);
        Assert.Throws<WorkExceededException>(() => DfaBuilder.Build(pool, work, PatternParser.Parse("^[ab]*a[ab]{18}$").Search(pool)));
    }

    // Null where there are too many states.
    private static Dfa? Small(Func<Dfa> build)
    {
        try
        {
            return build();
        }
        catch (WorkExceededException)
        {
            return null;
        }
    }

    private static bool Has(Dfa dfa, string text) => dfa.Start != Dfa.Dead && dfa.TagOf(text) >= 0;

    private static Dfa DfaOf(string pattern)
    {
        var work = new Work(10_000_000, TimeSpan.FromMinutes(1));
        var pool = new TermPool(work);
        return DfaBuilder.Build(pool, work, PatternParser.Parse(pattern).Search(pool));
    }

    private static string RandomPattern(Random random, int depth)
    {
        string Part() => depth > 0 && random.Next(4) == 0 ? $"(?:{RandomPattern(random, depth - 1)})" : Atoms[random.Next(Atoms.Length)];
        string Run() => string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Part() + Suffixes[random.Next(Suffixes.Length)]));
        string pattern = random.Next(4) == 0 ? $"{Run()}|{Run()}" : Run();
        return depth < 3 ? pattern : random.Next(4) switch { 0 => $"^{pattern}", 1 => $"(?:{pattern})\\d?c", 2 => $"^(?:{pattern})x", _ => pattern };
    }
}
