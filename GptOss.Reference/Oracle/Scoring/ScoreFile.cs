using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>
/// The file that scores are written to: complete lines in <c>OUT.partial</c>, which becomes OUT when all are there. A run that was interrupted goes
/// on after the lines that it left.
/// </summary>
internal sealed class ScoreFile : IDisposable
{
    private readonly string _path;
    private FileStream? _partial;
    private byte[]? _unproven;

    private ScoreFile(string path, ScoreRun run, FileStream? partial) => (_path, Run, _partial) = (path, run, partial);

    /// <summary>What the file is made of.</summary>
    public ScoreRun Run { get; }

    /// <summary>The numbers of the lines so far, those of earlier runs included.</summary>
    public ScoreSummary Summary { get; } = new();

    /// <summary>
    /// The document of the part, counted from 0, that <see cref="Append"/> takes next: the first without a line; where nothing says what the lines
    /// were made of, the one before it, whose line then has to come out the same.
    /// </summary>
    public long Next => Summary.Documents - (_unproven is null ? 0 : 1);

    /// <summary>Whether the file is finished.</summary>
    public bool IsComplete => _partial is null;

    /// <summary>Opens a file of scores: begins it, or goes on with it.</summary>
    /// <param name="path">OUT.</param>
    /// <param name="run">What it is made of.</param>
    /// <param name="force">Starts over, whatever is there.</param>
    /// <exception cref="ScoringException">Something else is there; the message says what, and what to do.</exception>
    /// <exception cref="IOException">The file cannot be written, or another process is writing it.</exception>
    public static ScoreFile Open(string path, ScoreRun run, bool force = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(run);
        if (Directory.Exists(path))
            throw new ScoringException($"{path} is a folder; expected a file to write.");
        var target = OutputTarget.Of(path);
        if (!target.IsFile)
        {
            throw new ScoringException(
                $"{path} is a pipe or a device, which cannot be read back to go on; without --out, lines go to standard output.");
        }
        string partial = PartialOf(path);
        bool isBegun = !force && File.Exists(partial) && new FileInfo(partial).Length > 0;
        ScoreRun? found = force ? null : ScoreRun.Read(path);
        if (isBegun && found is not null)
        {
            RequireSame(partial, run, found);
        }
        else if (!isBegun && !force && target.Exists)
        {
            RequireSame(path, run, found);
            var complete = new ScoreFile(path, run, null);
            using FileStream file = File.OpenRead(path);
            complete.Count(file);
            return complete;
        }

        FileStream stream = OpenPartial(partial);
        try
        {
            var begun = new ScoreFile(path, run, stream);
            (long last, long end) = isBegun ? begun.Count(stream) : default;
            // In this order: a partial file without lines is of no run yet, and a record without a partial file is of the finished one.
            stream.SetLength(end);
            if (end == 0)
            {
                run.Write(path);
            }
            else if (found is null)
            {
                begun._unproven = new byte[end - last];
                stream.Position = last;
                stream.ReadExactly(begun._unproven);
            }
            stream.Position = end;
            return begun;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Writes the line of document <see cref="Next"/>.</summary>
    /// <exception cref="ScoringException">Nothing says what the lines were made of, and the last one is not this document's.</exception>
    public void Append(DocumentScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        ObjectDisposedException.ThrowIf(_partial is null, this);
        byte[] line = ScoreLine.Write(score);
        if (_unproven is null)
        {
            _partial.Write(line);                           // one call, unbuffered: a line is there whole, or torn at the end
            Summary.Add(score.Totals);
            return;
        }
        if (!line.AsSpan().SequenceEqual(_unproven))
        {
            throw new ScoringException(
                $"{PartialOf(_path)} is there, and its line {Summary.Documents} is not what this run gives; give another file, " +
                    $"or --force to start over.");
        }
        _unproven = null;
        Run.Write(_path);
    }

    /// <summary>Gives the file its name.</summary>
    /// <exception cref="InvalidOperationException">There are not as many lines as documents.</exception>
    public void Finish()
    {
        if (_partial is null)
            return;
        if (Summary.Documents != Run.Documents)
            throw new InvalidOperationException($"{Summary.Documents} of {Run.Documents} documents have been scored.");
        _partial.Flush(flushToDisk: true);
        _partial.Dispose();
        _partial = null;
        File.Move(PartialOf(_path), OutputTarget.Of(_path).Path, overwrite: true);
    }

    /// <summary>Closes the file; complete lines stay.</summary>
    public void Dispose() => _partial?.Dispose();

    /// <summary>
    /// Where lines are until the file is finished: beside the file that <paramref name="path"/> leads to, so that a rename can finish it.
    /// </summary>
    public static string PartialOf(string path) => OutputTarget.Of(path).Path + ".partial";

    /// <summary>Adds up the complete lines of a file and says where the last of them begins and ends.</summary>
    private (long Start, long End) Count(FileStream file)
    {
        (long Start, long End) last = default;
        foreach (ByteLine line in ByteLines.Read(file, Path.GetFileName(file.Name)).Where(line => line.IsComplete))
        {
            if (Summary.Documents == Run.Documents)
                throw new ScoringException($"{file.Name} has more lines than the {Run.Documents} documents; --force starts over.");
            Summary.Add(ScoreLine.Totals(line.Bytes, $"{Path.GetFileName(file.Name)}, line {line.Number}"));
            last = (line.Start, line.Start + line.Bytes.Length + 1);
        }
        return last;
    }

    private static void RequireSame(string file, ScoreRun run, ScoreRun? found)
    {
        string? difference = found is null ? "an unknown run, because its .run file is missing"
            : run.Difference(found) ?? (run.Part != found.Part ? $"part {found.Part}" : null);
        if (difference is not null)
            throw new ScoringException($"{file} exists and is from {difference}; give another file, or --force to start over.");
    }

    private static FileStream OpenPartial(string path)
    {
        try
        {
            // Not shared, so that two runs cannot write into each other.
            return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (DirectoryNotFoundException e)
        {
            throw new ScoringException($"There is no folder for '{path}'.", e);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new IOException($"{path} cannot be written; another run may be writing it: {e.Message}", e);
        }
    }
}
