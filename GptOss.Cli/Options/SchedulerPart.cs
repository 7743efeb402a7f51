using System.Globalization;
using GptOss.Reference.Oracle.Scoring;

namespace GptOss.Cli.Options;

/// <summary>Which part of a corpus this process scores, from the environment variables of the scheduler that started it.</summary>
/// <remarks>
/// Sources: Slurm, <c>sbatch(1)</c>, output environment variables, and <c>slurm.schedmd.com/job_array.html</c>; Kubernetes,
/// <c>kubernetes.io/docs/tasks/job/indexed-parallel-processing-static</c>; GNU parallel, <c>parallel(1)</c>, environment variables.
/// </remarks>
internal static class SchedulerPart
{
    internal const string Slurm = "SLURM_ARRAY_TASK_ID", Kubernetes = "JOB_COMPLETION_INDEX", Parallel = "PARALLEL_SEQ", Parts = "GPTOSS_PARTS";

    private const string Say = "say it with --part i/n, or --part 1/1 for the whole corpus";

    /// <summary>The part and the variable that names it; null where no scheduler sets one.</summary>
    /// <param name="variable">The value of an environment variable; null where it is not set.</param>
    /// <exception cref="UsageException">The variables do not name a part, or name several.</exception>
    internal static (CorpusPart Part, string Source)? Of(Func<string, string?> variable)
    {
        string[] speaking = [.. ((string[])[Slurm, Kubernetes, Parallel]).Where(name => Text(variable, name) is not null)];
        string? parts = Text(variable, Parts);
        switch (speaking)
        {
            case [] when parts is null:
                return null;
            case []:
                throw new UsageException($"{Parts} is '{parts}', and no scheduler that is known here says which of them this is; {Say}.");
            case [Slurm]:
                return (OfSlurm(variable, parts), Slurm);
            case [var one]:
                if (parts is null)
                    throw new UsageException($"{one} says which part this is and nothing says of how many: set {Parts} to their number, or {Say}.");
                int first = one == Parallel ? 1 : 0, count = Number(variable, Parts, 1, CorpusPart.MostParts);
                return (new(Number(variable, one, first, count - 1 + first) - first + 1, count), one);
            default:
                throw new UsageException($"{string.Join(" and ", speaking)} each say which part this is; {Say}.");
        }
    }

    // Indices of an array are min, min + step, …, max. A list such as 1,2,9 has gaps, which the variables do not describe.
    private static CorpusPart OfSlurm(Func<string, string?> variable, string? parts)
    {
        const string Count = "SLURM_ARRAY_TASK_COUNT", Least = "SLURM_ARRAY_TASK_MIN", Most = "SLURM_ARRAY_TASK_MAX", Step = "SLURM_ARRAY_TASK_STEP";
        int count = Number(variable, Count, 1, CorpusPart.MostParts), least = Number(variable, Least, 0, int.MaxValue);
        int step = Text(variable, Step) is null ? 1 : Number(variable, Step, 1, int.MaxValue), id = Number(variable, Slurm, least, int.MaxValue);
        long last = least + (count - 1L) * step;
        if (id > last || (id - least) % step != 0 || Text(variable, Most) is not null && Number(variable, Most, 0, int.MaxValue) != last)
        {
            throw new UsageException(
                $"The indices of this Slurm array have gaps, so {Slurm} {id} does not say which of {count} parts this is; {Say}.");
        }
        if (parts is not null && Number(variable, Parts, 1, CorpusPart.MostParts) != count)
            throw new UsageException($"{Parts} is {parts} and {Count} {count}; {Say}.");
        return new((id - least) / step + 1, count);
    }

    private static string? Text(Func<string, string?> variable, string name) => variable(name) is { Length: > 0 } value ? value : null;

    private static int Number(Func<string, string?> variable, string name, int least, int most)
    {
        string text = Text(variable, name) ?? throw new UsageException($"{name} is not set, so what this is a part of is not known; {Say}.");
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most ? number
            : throw new UsageException(
                $"{name} is '{(text.Length > 40 ? text[..40] + "…" : text)}'; expected a number from {least} to {most}, or {Say}.");
    }
}
