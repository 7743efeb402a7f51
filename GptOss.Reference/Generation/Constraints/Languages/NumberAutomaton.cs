using System.Collections.Concurrent;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>JSON numbers in a range, compared digit by digit with the bounds, without rounding.</summary>
/// <remarks>
/// A number has at most <see cref="MostDigits"/> digits before and after the point. An exponent of one or two digits is allowed only where there is
/// no range, and −0 only there. A state knows how many digits there are, how they compare with the digits of each bound that stand in the same
/// places, and the remainder of what has been read by the step.
/// </remarks>
internal sealed class NumberAutomaton : Automaton<NumberAutomaton.State>
{
    /// <summary>The most digits before the point, and after it.</summary>
    internal const int MostDigits = 64;

    private const int MostReached = 1_000;
    private const string Characters = "0123456789-.";

    private static readonly int[] PowersOfTen = [1, 10, 100, 1000, 10_000];
    private static readonly ByteClasses Bytes = ByteClasses.Of(value => value is >= '0' and <= '9' or '-' or '+' or '.' or 'e' or 'E' ? value : 0);

    private readonly NumberRange _range;
    private readonly int _m, _k;
    private readonly int[] _powers;                     // 10^i modulo m
    private readonly Bound _lowPlus, _highPlus, _lowMinus, _highMinus;
    private readonly bool _canBeNegative, _canBePositive;
    private readonly Dictionary<State, bool> _live = [];
    private readonly ConcurrentDictionary<int, long> _texts = [];
    private int? _shortest;

    internal enum Place : byte
    {
        Begin,
        Sign,
        Whole,
        Point,
        Fraction,
        Exponent,
        ExponentSign,
        ExponentDigit,
        ExponentEnd,
    }

    /// <summary>
    /// A place; the sign; how many digits the whole part (0 for "0") or the fraction has; how the digits compare with each bound's, −1, 0 or 1; the
    /// remainder; whether a digit of the fraction is not 0.
    /// </summary>
    internal readonly record struct State(Place Place, bool IsNegative, byte Digits, sbyte Low, sbyte High, short Remainder, bool HasFraction);

    // A magnitude; null digits mean that there is no bound, and Excluded that it is no member itself.
    private readonly record struct Bound(string? Whole, string Fraction, bool Excluded);

    internal NumberAutomaton(NumberRange range) : base(Bytes.Of256, Bytes.Count)
    {
        _range = range;
        (_m, _k) = range.StepParts();
        _powers = new int[MostDigits + 1];
        for (int i = 0; i < _powers.Length; i++)
            _powers[i] = _m == 0 ? 0 : i == 0 ? 1 % _m : _powers[i - 1] * 10 % _m;

        // Below 0 the magnitude's bounds change places. 0 itself is spelled without a sign.
        var zero = new ExactDecimal();
        _canBePositive = range.High is not { IsNegative: true };
        _lowPlus = range.Low is { IsNegative: false } low ? Magnitude(low, range.IsAboveLow) : new(null, "", false);
        _highPlus = range.High is { } high ? Magnitude(high, range.IsBelowHigh) : new(null, "", false);
        _canBeNegative = range.Low is null or { IsNegative: true };
        _lowMinus = range.High is { IsNegative: true } top ? Magnitude(top, range.IsBelowHigh) : Magnitude(zero, excluded: true);
        _highMinus = range.Low is { } bottom ? Magnitude(bottom, range.IsAboveLow) : new(null, "", false);
        if (range.IsNotInteger && _m > 0)
            throw new StepException("it cannot be kept beside a rule that excludes integers");
        IsEmpty = !IsLive(default);
        NumberOf(default);
    }

    /// <summary>Every number.</summary>
    internal static NumberAutomaton AnyNumber { get; } = new(default);

    /// <summary>Every integer.</summary>
    internal static NumberAutomaton AnyInteger { get; } = new(new NumberRange { Step = ExactDecimal.Parse("1") });

    /// <summary>About the fewest characters of a number: exact but for large steps.</summary>
    internal int Shortest => _shortest ??= FindShortest();

    /// <summary>Whether there is no number in the range.</summary>
    internal bool IsEmpty { get; }

    internal override bool EndsOpenly => true;

    internal override bool MayEnd(int state) => IsAccepted(ValueOf(state));

    /// <summary>Whether each number has one spelling: integers.</summary>
    internal bool IsUnique => _m > 0 && _k == 0;

    internal override long TextsAhead(int state)
    {
        // Counted for integers between bounds of few digits only; the others have more than anyone lists.
        if (!IsUnique || _range.Low is not { WholeDigits: < 10 } || _range.High is not { WholeDigits: < 10 })
            return long.MaxValue;
        if (_texts.TryGetValue(state, out long texts))
            return texts;
        texts = MayEnd(state) ? 1 : 0;
        foreach (byte value in "-0123456789"u8)
        {
            if (Next(state, value) is >= 0 and var next)
                texts += TextsAhead(next);
        }
        return _texts[state] = texts;
    }

    protected override int Find(int state, byte value) => After(ValueOf(state), value) is { } next && IsLive(next) ? NumberOf(next) : Dead;

    // Length by length.
    private int FindShortest()
    {
        int length = 0;
        for (HashSet<int> reached = [Start]; reached.Count is > 0 and < MostReached && !reached.Any(MayEnd); length++)
            reached = [.. reached.SelectMany(state => Characters.Select(value => Next(state, (byte)value))).Where(next => next >= 0)];
        return length;
    }

    private State? After(State before, byte value)
    {
        bool isDigit = value is >= (byte)'0' and <= (byte)'9';
        int digit = value - '0';
        switch (before.Place)
        {
            case Place.Begin when value == '-' && _canBeNegative:
                return new State(Place.Sign, true, 0, 0, 0, 0, false);
            case Place.Begin or Place.Sign when isDigit && (before.IsNegative || _canBePositive):
                State whole = before with { Place = Place.Whole };
                return digit == 0 ? whole : WithDigit(whole, digit);
            case Place.Whole when isDigit && before.Digits is > 0 and < MostDigits:
                return WithDigit(before, digit);
            case Place.Whole when value == '.' && (_m == 0 || _k > 0):
                (int low, int high) = Ended(before);
                return before with { Place = Place.Point, Digits = 0, Low = (sbyte)low, High = (sbyte)high };
            case Place.Point or Place.Fraction when isDigit && before.Digits < (_m == 0 ? MostDigits : Math.Min(_k, MostDigits)):
                return WithDigit(before with { Place = Place.Fraction, HasFraction = before.HasFraction || digit > 0 }, digit);
            case Place.Whole or Place.Fraction when value is (byte)'e' or (byte)'E' && _range.IsAny:
                return new State(Place.Exponent, false, 0, 0, 0, 0, false);
            case Place.Exponent when value is (byte)'+' or (byte)'-':
                return before with { Place = Place.ExponentSign };
            case Place.Exponent or Place.ExponentSign when isDigit:
                return before with { Place = Place.ExponentDigit };
            case Place.ExponentDigit when isDigit:
                return before with { Place = Place.ExponentEnd };
            default:
                return null;
        }
    }

    private State WithDigit(State before, int digit)
    {
        (Bound low, Bound high) = BoundsOf(before.IsNegative);
        bool isWhole = before.Place == Place.Whole;
        int at = before.Digits;
        int remainder = _m == 0 ? 0 : (before.Remainder * 10 + digit) % _m;
        int lowOrder = Compare(before.Low, isWhole ? low.Whole : low.Fraction, at, digit, isWhole, low.Whole is null);
        int highOrder = Compare(before.High, isWhole ? high.Whole : high.Fraction, at, digit, isWhole, high.Whole is null);
        return before with { Digits = (byte)(at + 1), Low = (sbyte)lowOrder, High = (sbyte)highOrder, Remainder = (short)remainder };
    }

    // Digit by digit; a whole part that gets longer than the bound's is greater, the digits of a fraction go on with zeros.
    private static int Compare(int order, string? bound, int at, int digit, bool isWhole, bool isNone)
    {
        if (isNone)
            return order;
        if (isWhole && at >= bound!.Length)
            return 1;
        if (order != 0)
            return order;
        return digit.CompareTo(at < bound!.Length ? bound[at] - '0' : 0);
    }

    // The order of the whole part, now that no digit follows; of a missing bound, that it is kept.
    private (int Low, int High) Ended(State whole)
    {
        (Bound low, Bound high) = BoundsOf(whole.IsNegative);
        return (low.Whole is null ? 1 : OrderOf(low.Whole.Length, whole.Low), high.Whole is null ? -1 : OrderOf(high.Whole.Length, whole.High));
        int OrderOf(int length, int order) => whole.Digits == length ? order : whole.Digits.CompareTo((byte)Math.Min(length, 255));
    }

    private bool IsAccepted(State state)
    {
        if (state.Place is Place.ExponentDigit or Place.ExponentEnd)
            return true;
        if (state.Place is not (Place.Whole or Place.Fraction))
            return false;
        if (state.Place == Place.Whole ? _range.IsNotInteger : _range.IsNotInteger && !state.HasFraction)
            return false;
        if (_range.IsAny)
            return true;
        (int low, int high) = state.Place == Place.Whole ? Ended(state) : (state.Low, state.High);
        (Bound lowest, Bound highest) = BoundsOf(state.IsNegative);
        int fraction = state.Place == Place.Whole ? 0 : state.Digits;
        if (low == 0 && lowest.Fraction.Length > fraction)
            low = -1;
        if (high == 0 && highest.Fraction.Length > fraction)
            high = -1;
        if (low < 0 || (low == 0 && lowest.Excluded) || high > 0 || (high == 0 && highest.Excluded))
            return false;
        return _m == 0 || (long)state.Remainder * _powers[Math.Max(_k - fraction, 0)] % _m == 0;
    }

    // Whether a number can still come of it.
    private bool IsLive(State state)
    {
        if (IsAccepted(state) || state.Place >= Place.Exponent)
            return true;
        if (_live.TryGetValue(state, out bool known))
            return known;
        bool live = false;
        switch (state.Place)
        {
            case Place.Begin:
                live = (After(state, (byte)'-') is { } sign && IsLive(sign)) || AnyDigitIsLive(state);
                break;
            case Place.Whole:
                live = (state.Digits > 0 && MoreWholeDigitsAreLive(state)) || (After(state, (byte)'.') is { } point && IsLive(point));
                break;
            default:
                live = state is { Low: > 0, High: < 0 }
                    ? state.Digits < MostDigits && ReachesMultiple(state.Remainder, Math.Max(_k - state.Digits, 0))
                    : state is { Low: >= 0, High: <= 0 } && AnyDigitIsLive(state);
                break;
        }

        return _live[state] = live;
    }

    private bool AnyDigitIsLive(State state)
    {
        for (byte digit = (byte)'0'; digit <= (byte)'9'; digit++)
        {
            if (After(state, digit) is { } next && IsLive(next))
                return true;
        }
        return false;
    }

    // With t more digits before the point: all continuations keep both bounds, or none, unless the digits are a prefix of a bound's.
    private bool MoreWholeDigitsAreLive(State state)
    {
        (Bound low, Bound high) = BoundsOf(state.IsNegative);
        bool isPrefix = (low.Whole is not null && state.Low == 0 && state.Digits <= low.Whole.Length)
            || (high.Whole is not null && state.High == 0 && state.Digits <= high.Whole.Length);
        if (isPrefix && AnyDigitIsLive(state))
            return true;
        for (int more = 1; state.Digits + more <= MostDigits; more++)
        {
            int digits = state.Digits + more;
            bool aboveLow = low.Whole is null || digits > low.Whole.Length || (digits == low.Whole.Length && state.Low > 0);
            bool belowHigh = high.Whole is null || digits < high.Whole.Length || (digits == high.Whole.Length && state.High < 0);
            if (aboveLow && belowHigh && ReachesMultiple(state.Remainder, more + _k))
                return true;
        }

        return false;
    }

    // Whether some x of so many digits makes remainder · 10^digits + x a multiple.
    private bool ReachesMultiple(int remainder, int digits)
    {
        if (_m == 0 || digits > 4)
            return true;
        long missing = (_m - (long)remainder * _powers[digits] % _m) % _m;
        return missing < PowersOfTen[digits];
    }

    private (Bound Low, Bound High) BoundsOf(bool isNegative) => isNegative ? (_lowMinus, _highMinus) : (_lowPlus, _highPlus);

    private static Bound Magnitude(ExactDecimal number, bool excluded)
    {
        // No number here has more digits than these, so a bound that has compares like one with one digit more.
        if (number.WholeDigits > MostDigits)
            return new Bound(new string('9', MostDigits + 1), "", excluded);
        string digits = number.Digits;
        int whole = (int)Math.Max(number.WholeDigits, 0);
        string wholePart = whole <= digits.Length ? digits[..whole] : digits.PadRight(whole, '0');
        string fraction = whole >= digits.Length ? "" : number.WholeDigits >= 0 ? digits[whole..]
            : new string('0', (int)Math.Min(-number.WholeDigits, MostDigits + 1)) + digits;
        return new Bound(wholePart, fraction, excluded);
    }
}
