namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>A deterministic automaton over the bytes of a text, whose states are made when they are first reached.</summary>
/// <remarks>
/// <para>A transition is a look-up: bytes that no state tells apart share a class, and a row of the table has one entry a class. Rows are filled
/// under a lock and read without one, so automata are shared by all continuations.</para>
/// <para>Every state leads to acceptance: nothing has to be taken back.</para>
/// </remarks>
internal abstract class Automaton
{
    /// <summary>The byte may not come.</summary>
    internal const int Dead = -1;

    /// <summary>A transition that has not been looked for yet; <see cref="Next"/> finds it.</summary>
    internal const int Unknown = -2;

    private const int FirstFinal = -3;

    private readonly byte[] _classOf;
    private readonly Lock _finding = new();
    private int[] _table = [];
    private int _states;

    /// <summary>An automaton whose bytes are classed so.</summary>
    protected Automaton(byte[] classOf, int classes)
    {
        _classOf = classOf;
        Classes = classes;
    }

    /// <summary>How many classes of bytes there are.</summary>
    internal int Classes { get; }

    /// <summary>The state in which nothing has been read.</summary>
#pragma warning disable CA1822 // every automaton has a start; that it is the same number for all is no one else's business
    internal int Start => 0;
#pragma warning restore CA1822

    /// <summary>The state after a byte; or <see cref="Dead"/>; or, if <see cref="IsFinal"/>, the text has ended with this byte.</summary>
    internal int Next(int state, byte value)
    {
        int next = _table[state * Classes + _classOf[value]];
        return next != Unknown ? next : Found(state, value);
    }

    /// <summary>The class of each byte, for loops that look transitions up themselves.</summary>
    internal ReadOnlySpan<byte> ClassOf => _classOf;

    /// <summary>All transitions that are known: a row of <see cref="Classes"/> entries for each state. Others are <see cref="Unknown"/>.</summary>
    internal ReadOnlySpan<int> Table => _table;

    /// <summary>Whether some text may end without a byte of its own, as <see cref="MayEnd"/> says for each state.</summary>
    internal virtual bool EndsOpenly => false;

    /// <summary>Whether what <see cref="Next"/> answered is the end of the text.</summary>
    internal static bool IsFinal(int next) => next <= FirstFinal;

    /// <summary>Which alternative has ended.</summary>
    internal static int TagOf(int final) => FirstFinal - final;

    /// <summary>Whether the text may end here without a further byte. Such a text is not ended by a byte of its own.</summary>
    internal virtual bool MayEnd(int state) => false;

    /// <summary>Whether a state is between two characters of a string's content, so that characters can be counted.</summary>
    internal virtual bool IsBetweenCharacters(int state) => false;

    /// <summary>Lengths that are still possible, as in <see cref="Dfa.Lengths"/>, once the character at hand is complete.</summary>
    internal virtual ulong LengthsAhead(int state) => ulong.MaxValue;

    /// <summary>Whether no character of a string's content can be wrong here or later.</summary>
    internal virtual bool TakesAnyCharacters(int state) => false;

    /// <summary>The groups of characters all of which lead from a state to itself.</summary>
    internal virtual uint Loop(int state) => 0;

    /// <summary>How many texts lead from here to an end; <see cref="long.MaxValue"/> for more than can be counted.</summary>
    internal virtual long TextsAhead(int state) => long.MaxValue;

    /// <summary>Finds a transition, for any byte of its class. Called once, under a lock.</summary>
    protected abstract int Find(int state, byte value);

    /// <summary>The entry that ends the text.</summary>
    protected static int Final(int tag) => FirstFinal - tag;

    /// <summary>Makes a state. Only in a constructor and in <see cref="Find"/>.</summary>
    private protected int NewState()
    {
        int state = _states++;
        if (_table.Length < _states * Classes)
        {
            int[] larger = new int[Math.Max(8, 2 * _states) * Classes];
            _table.CopyTo(larger, 0);
            larger.AsSpan(_table.Length).Fill(Unknown);
            Volatile.Write(ref _table, larger);
        }

        return state;
    }

    private int Found(int state, byte value)
    {
        lock (_finding)
        {
            int at = state * Classes + _classOf[value], next = _table[at];
            if (next != Unknown)
                return next;
            next = Find(state, value);                  // which may make a state and so a larger table
            return _table[at] = next;
        }
    }

    /// <summary>Number of bytes of each class.</summary>
    protected int[] ClassSizes()
    {
        int[] sizes = new int[Classes];
        foreach (byte c in _classOf)
            sizes[c]++;
        return sizes;
    }
}

/// <summary>An automaton whose states are values, each of which has a number.</summary>
internal abstract class Automaton<TState>(byte[] classOf, int classes) : Automaton(classOf, classes) where TState : struct, IEquatable<TState>
{
    private readonly Dictionary<TState, int> _numbers = [];
    private TState[] _values = [];

    /// <summary>What a state is.</summary>
    protected TState ValueOf(int state) => _values[state];

    /// <summary>The number of a state, made if it is new. Only in a constructor and in <see cref="Automaton.Find"/>.</summary>
    protected int NumberOf(TState value)
    {
        if (_numbers.TryGetValue(value, out int number))
            return number;
        number = NewState();
        if (number >= _values.Length)
        {
            var larger = new TState[Math.Max(8, 2 * number)];
            _values.CopyTo(larger, 0);
            Volatile.Write(ref _values, larger);
        }

        _values[number] = value;
        _numbers[value] = number;
        return number;
    }
}
