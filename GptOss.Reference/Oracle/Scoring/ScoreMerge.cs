using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Joins the parts of a corpus into the file that one run would have written.</summary>
internal static class ScoreMerge
{
    /// <summary>Writes <paramref name="path"/> from its parts, in whatever order they are given.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="parts">Finished parts, each with its <c>.run</c> file beside it.</param>
    /// <param name="force">Replaces a file that is there.</param>
    /// <param name="cancellation">Looked at between lines; nothing is left behind.</param>
    /// <returns>The numbers of the whole corpus.</returns>
    /// <exception cref="ScoringException">Parts are missing, unfinished, given twice or of different runs; the message says which.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public static ScoreSummary Join(string path, IReadOnlyList<string> parts, bool force = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(parts);
        if (!force && OutputTarget.Of(path).Replaces)
            throw new ScoringException($"{path} exists; give another file, or --force to replace it.");
        if (parts.FirstOrDefault(part => Path.GetFullPath(part) == Path.GetFullPath(path)) is not null)
            throw new ScoringException($"{path} is one of the parts; give another file to write.");
        List<(string Path, ScoreRun Run)> ordered = InOrder(parts);
        var summary = new ScoreSummary();
        AtomicFile.Write(path, file =>
        {
            foreach ((string part, ScoreRun run) in ordered)
                Copy(part, run, file, summary, cancellation);
        }, replace: force);
        if (OutputTarget.Of(path).IsFile)
            (ordered[0].Run with { Part = CorpusPart.Whole, Documents = summary.Documents }).Write(path);
        return summary;
    }

    /// <summary>Every part once, in the order of the corpus.</summary>
    private static List<(string Path, ScoreRun Run)> InOrder(IReadOnlyList<string> parts)
    {
        var found = new SortedDictionary<int, (string Path, ScoreRun Run)>();
        (string Path, ScoreRun Run)? first = null;
        foreach (string part in parts)
        {
            ScoreRun run = RunOf(part);
            first ??= (part, run);
            if (first.Value.Run.Difference(run) is { } difference)
                throw new ScoringException($"{part} is of {difference} and {first.Value.Path} is not; the parts of one run belong together.");
            if (run.Part.Count != first.Value.Run.Part.Count)
            {
                throw new ScoringException(
                    $"{part} is part {run.Part} and {first.Value.Path} part {first.Value.Run.Part}; the parts of one run belong together.");
            }
            if (!found.TryAdd(run.Part.Index, (part, run)))
                throw new ScoringException($"{part} is part {run.Part}, and so is {found[run.Part.Index].Path}.");
        }
        if (first is null)
            throw new ScoringException("There are no parts to join.");
        int count = first.Value.Run.Part.Count;
        List<string> missing = [.. Enumerable.Range(1, count).Where(index => !found.ContainsKey(index)).Select(index => ScoreJson.Number(index))];
        string list = Printable.List(missing, ", ");
        return missing.Count == 0 ? [.. found.Values]
            : throw new ScoringException(missing.Count == 1 ? $"Part {list} of {count} is missing." : $"Parts {list} of {count} are missing.");
    }

    private static ScoreRun RunOf(string part)
    {
        if (!File.Exists(part))
        {
            throw new ScoringException(File.Exists(ScoreFile.PartialOf(part))
                ? $"{part} is not finished; give its command again, and it goes on."
                : $"There is no file '{part}'.");
        }
        return ScoreRun.Read(part)
            ?? throw new ScoringException($"{part} has no {Path.GetFileName(ScoreRun.PathOf(part))} beside it, which says which part it is.");
    }

    private static void Copy(string part, ScoreRun run, Stream target, ScoreSummary summary, CancellationToken cancellation)
    {
        using FileStream source = File.OpenRead(part);
        string name = Path.GetFileName(part);
        long lines = 0, end = 0;
        foreach (ByteLine line in ByteLines.Read(source, name).Where(line => line.IsComplete))
        {
            cancellation.ThrowIfCancellationRequested();
            summary.Add(ScoreLine.Totals(line.Bytes, $"{name}, line {line.Number}"));
            (lines, end) = (lines + 1, line.Start + line.Bytes.Length + 1);
        }
        if (lines != run.Documents || end != source.Length)
            throw new ScoringException($"{part} has {lines} whole lines and was written with {run.Documents}; it has been changed since.");
        source.Position = 0;
        source.CopyTo(target);
    }
}
