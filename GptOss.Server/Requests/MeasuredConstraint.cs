using System.Diagnostics;
using GptOss.Reference.Generation;

namespace GptOss.Server.Requests;

/// <summary>A constraint whose masks are timed.</summary>
/// <param name="inner">The constraint.</param>
/// <param name="filled">Receives how long each mask took.</param>
internal sealed class MeasuredConstraint(TokenConstraint inner, Action<TimeSpan> filled) : TokenConstraint
{
    public override bool IsComplete => inner.IsComplete;

    public override bool Fill(Span<ulong> allowed)
    {
        long begin = Stopwatch.GetTimestamp();
        bool isBound = inner.Fill(allowed);
        filled(Stopwatch.GetElapsedTime(begin));
        return isBound;
    }

    public override void Accept(int id) => inner.Accept(id);

    public override IReadOnlyList<int> Forced() => inner.Forced();

    public override IReadOnlyList<int> ShortestEnd() => inner.ShortestEnd();

    public override TokenConstraint Fork() => new MeasuredConstraint(inner.Fork(), filled);
}
