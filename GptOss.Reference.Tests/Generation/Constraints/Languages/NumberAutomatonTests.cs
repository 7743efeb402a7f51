using System.Globalization;
using System.Text;
using GptOss.Reference.Generation.Constraints.Languages;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints.Languages;

public class NumberAutomatonTests
{
    private static readonly string[] Texts = MakeTexts();

    /// <summary>Every text of few digits against decimal arithmetic.</summary>
    [Theory]
    [InlineData("0", false, "10", false, null)]
    [InlineData("-1.5", true, "2.25", true, null)]
    [InlineData("-12", false, "-3", true, null)]
    [InlineData(null, false, "0", true, null)]
    [InlineData("0.05", true, null, false, null)]
    [InlineData("-7", false, "101", false, "1")]
    [InlineData("1", false, "20", false, "7")]
    [InlineData("-1", false, "1", false, "0.25")]
    [InlineData(null, false, null, false, "3")]
    [InlineData("99.9", false, "100", false, "0.1")]
    [InlineData("10", false, "10", false, null)]
    public void A_number_is_accepted_if_it_is_in_the_range(string? low, bool isAbove, string? high, bool isBelow, string? step)
    {
        NumberAutomaton automaton = Of(low, isAbove, high, isBelow, step);
        Assert.False(automaton.IsEmpty);
        foreach (string text in Texts)
        {
            decimal number = decimal.Parse(text, CultureInfo.InvariantCulture);
            bool isInRange = (low is null || number > Value(low) || (number == Value(low) && !isAbove))
                && (high is null || number < Value(high) || (number == Value(high) && !isBelow)) && (step is null || number % Value(step) == 0)
                // -0 is spelled 0, and integers have no fraction.
                && !(text[0] == '-' && number == 0) && !(step is not null && !step.Contains('.') && text.Contains('.'));
            bool isAccepted = Accepts(automaton, text);
            if (isInRange && step is { } places && places.Contains('.') && text.Contains('.') && Decimals(text) > Decimals(places))
                continue;                               // more zeros than the step has places
            Assert.True(isInRange == isAccepted, text);
        }
    }

    [Theory]
    [InlineData("5", "4", null)]
    [InlineData("1", "6", "7")]
    [InlineData("0.1", "0.2", "1")]
    public void An_empty_range_is_known_to_be_empty(string low, string high, string? step) => Assert.True(Of(low, false, high, false, step).IsEmpty);

    [Theory]
    [InlineData("0", "9", 1)]
    [InlineData("1000", "2000", 4)]
    [InlineData("-5", "-4", 2)]
    [InlineData("0.25", "0.75", 3)]
    public void The_shortest_number_is_as_long_as_it_is_said_to_be(string low, string high, int length) =>
        Assert.Equal(length, Of(low, false, high, false, null).Shortest);

    [Fact]
    public void No_prefix_is_a_dead_end()
    {
        var random = new Random(3);
        NumberAutomaton[] automata =
        [
            Of("17", false, "1234.5", true, null), Of("1", false, "9999", false, "97"), Of("-0.005", true, "0.003", true, null),
            NumberAutomaton.AnyNumber,
        ];
        foreach (NumberAutomaton automaton in automata)
        {
            for (int walk = 0; walk < 200; walk++)
            {
                int state = automaton.Start;
                for (int step = 0; step < 300; step++)
                {
                    int[] next = [.. Enumerable.Range(0, 128).Select(value => automaton.Next(state, (byte)value)).Where(after => after >= 0)];
                    Assert.True(next.Length > 0 || automaton.MayEnd(state));
                    if (next.Length == 0 || (automaton.MayEnd(state) && random.Next(20) == 0))
                        break;
                    state = next[random.Next(next.Length)];
                    Assert.InRange(step, 0, 200);           // 64 digits on either side, and an exponent
                }
            }
        }
    }

    [Fact]
    public void Bounds_are_compared_digit_by_digit_and_without_rounding()
    {
        NumberAutomaton below = Of("0", false, "0.1234567890123456789012345678901234567890", true, null);
        Assert.True(Accepts(below, "0.1234567890123456789012345678901234567889"));
        Assert.False(Accepts(below, "0.1234567890123456789012345678901234567890"));
        Assert.False(Accepts(below, "0.1234567890123456789012345678901234567891"));
    }

    private static decimal Value(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);

    private static int Decimals(string text) => text.Contains('.') ? text.Length - text.IndexOf('.') - 1 : 0;

    private static NumberAutomaton Of(string? low, bool isAbove, string? high, bool isBelow, string? step) => new(new NumberRange
    {
        Low = low is null ? null : ExactDecimal.Parse(low),
        IsAboveLow = isAbove,
        High = high is null ? null : ExactDecimal.Parse(high),
        IsBelowHigh = isBelow,
        Step = step is null ? null : ExactDecimal.Parse(step),
    });

    private static bool Accepts(NumberAutomaton automaton, string text)
    {
        int state = automaton.Start;
        foreach (byte value in Encoding.ASCII.GetBytes(text))
        {
            if (state < 0)
                return false;
            state = automaton.Next(state, value);
        }
        return state >= 0 && automaton.MayEnd(state);
    }

    // Whole parts of up to three digits, fractions of up to three, both signs.
    private static string[] MakeTexts()
    {
        var texts = new List<string>();
        foreach (int whole in Enumerable.Range(0, 130).Concat([199, 200, 999]))
        {
            foreach (string fraction in (string[])["", ".0", ".1", ".05", ".25", ".5", ".50", ".75", ".9", ".99", ".001", ".125"])
                texts.AddRange([$"{whole}{fraction}", $"-{whole}{fraction}"]);
        }
        return [.. texts];
    }
}
