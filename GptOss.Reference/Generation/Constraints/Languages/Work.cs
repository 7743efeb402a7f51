using System.Diagnostics;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>
/// How much a schema may still cost while it is compiled. A hostile one runs out of it and is refused; it cannot take the process along.
/// </summary>
/// <param name="steps">Small pieces of work: a term made or derived, a transition, a subschema looked at.</param>
/// <param name="time">The longest it may take, whatever the steps.</param>
internal sealed class Work(long steps, TimeSpan time)
{
    private const int StepsBetweenLooks = 1024;

    private readonly long _begin = Stopwatch.GetTimestamp();
    private long _left = steps;
    private int _untilLook = StepsBetweenLooks;

    /// <summary>Takes so much off the budget.</summary>
    /// <exception cref="WorkExceededException">There is not so much left, or the time is over.</exception>
    internal void Spend(int amount)
    {
        _left -= amount;
        if (_left < 0) throw new WorkExceededException();
        if ((_untilLook -= amount) > 0) return;
        _untilLook = StepsBetweenLooks;
        if (Stopwatch.GetElapsedTime(_begin) > time) throw new WorkExceededException();
    }
}

/// <summary>A schema costs more than it may.</summary>
internal sealed class WorkExceededException : Exception;
