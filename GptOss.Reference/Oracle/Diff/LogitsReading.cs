using System.Globalization;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>How the logits of a dump are read so that they can be compared with a reference's.</summary>
/// <param name="Kind">What its rows hold.</param>
/// <param name="Type">The type that they are stored as.</param>
internal sealed record LogitsReading(LogitsKind Kind, DType Type)
{
    /// <summary>What the reference's rows hold.</summary>
    internal LogitsKind ReferenceKind { get; init; }

    /// <summary>Whether a constant of its own was added to each row, which no probability depends on.</summary>
    internal bool HasRowConstants { get; init; }

    /// <summary>What the dump's logits are multiplied by: 1, or 1/T for a temperature T.</summary>
    internal double Scale { get; init; } = 1;

    /// <summary>The dump's row for position p holds what belongs to position p + <see cref="Shift"/>: 0, 1 or −1.</summary>
    internal int Shift { get; init; }

    /// <summary>Whether both sides are compared as log-probabilities.</summary>
    internal bool IsOfProbabilities => Kind != LogitsKind.Logits || ReferenceKind != LogitsKind.Logits || HasRowConstants;

    /// <summary>Whether equal values have equal bits: neither side is brought to another form.</summary>
    internal bool KeepsBits => Kind == ReferenceKind && Scale == 1 && !HasRowConstants;

    /// <summary>How many times the error of a logit may add up in a number that is compared: ln p = logit − ln Σ exp, and either may be off by it.</summary>
    internal int LogitsPerNumber => IsOfProbabilities ? 2 : 1;

    /// <summary>Brings a row of each side to the form in which they are compared, in place.</summary>
    /// <remarks>A probability that is too small for its type says only that: where the reference's is as small, both become NaN, which is no difference.</remarks>
    internal void Apply(Span<double> reference, Span<double> dumped)
    {
        if (!IsOfProbabilities)
        {
            foreach (ref double value in dumped)
                value /= Scale;
            return;
        }
        LogitsKinds.ToLogProbabilities(dumped, Kind, Scale);
        LogitsKinds.ToLogProbabilities(reference, ReferenceKind);
        if (Kind != LogitsKind.Probabilities)
            return;
        double least = Math.Log(LogitsKinds.LeastProbability(Type)) / Math.Abs(Scale);
        for (int i = 0; i < dumped.Length; i++)
        {
            if (dumped[i] < least && reference[i] < least + 1)
                reference[i] = dumped[i] = double.NaN;
        }
    }

    /// <summary>What is unusual about the dump's logits, as in "the logits are …"; null for nothing.</summary>
    internal string? Words()
    {
        var words = new List<string>();
        if (Kind != LogitsKind.Logits)
            words.Add(Kind == LogitsKind.Probabilities ? "probabilities (softmax)" : "log-probabilities (ln softmax)");
        if (HasRowConstants)
            words.Add("off by a constant in each row, which changes no probability");
        if (Scale != 1)
            words.Add(string.Create(CultureInfo.InvariantCulture, $"multiplied by {Scale:G4}"));
        if (Shift != 0)
            words.Add($"one row too {(Shift > 0 ? "early" : "late")}: the row of position p belongs to p {(Shift > 0 ? "+" : "−")} 1");
        return words.Count == 0 ? null : string.Join("; ", words);
    }
}
