using System.Text.Json;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>
/// What a file of scores was made from, kept beside it as <c>OUT.run</c>: a run is resumed, and parts are joined, only where it matches.
/// </summary>
internal sealed record ScoreRun
{
    private const string Rule = "score-run";
    private const int MostBytes = 1 << 16;

    /// <summary>SHA-256 of the corpus.</summary>
    public required string Corpus { get; init; }

    /// <summary>Fingerprint of the model: of its numbers and of a sample of every tensor.</summary>
    public required string Model { get; init; }

    /// <summary>Where values are rounded: <c>float32</c> or <c>bfloat16</c>.</summary>
    public required string Profile { get; init; }

    /// <summary>Tokens of a window.</summary>
    public required int Context { get; init; }

    /// <summary>Most probable tokens that are listed.</summary>
    public required int Top { get; init; }

    /// <summary>Whether names of special tokens in text became their ids.</summary>
    public required bool Special { get; init; }

    /// <summary>SHA-256 of what the scores were compared with; null where nothing was.</summary>
    public required string? Compare { get; init; }

    /// <summary>Version of this program.</summary>
    public required string Version { get; init; }

    /// <summary>The part.</summary>
    public required CorpusPart Part { get; init; }

    /// <summary>Documents of the part: lines of the finished file.</summary>
    public required long Documents { get; init; }

    /// <summary>The run that scores a corpus.</summary>
    public static ScoreRun Of(Corpus corpus, Transformer model, ScoreOptions options, bool hasSpecials)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        return new()
        {
            Corpus = corpus.Hash,
            Model = ModelFingerprint.Of(model),
            Profile = model.Precision.Name(),
            Context = options.Context ?? model.Config.MaxPositions,
            Top = options.Top,
            Special = hasSpecials,
            Compare = options.Other?.Hash,
            Version = typeof(ScoreRun).Assembly.GetName().Version!.ToString(3),
            Part = corpus.Part,
            Documents = corpus.Documents,
        };
    }

    /// <summary>The record of a file of scores, beside the file that its name leads to.</summary>
    internal static string PathOf(string scores) => OutputTarget.Of(scores).Path + ".run";

    /// <summary>Reads the record beside a file of scores; null where there is none.</summary>
    /// <exception cref="ScoringException">It is not such a record.</exception>
    internal static ScoreRun? Read(string scores)
    {
        string path = PathOf(scores), place = Path.GetFileName(path);
        if (!File.Exists(path))
            return null;
        using JsonDocument document = ScoreJson.Parse(Bytes(path), place, Rule);
        JsonElement root = document.RootElement;
        string? Text(string name) => root.TryGetProperty(name, out JsonElement value) ? JsonDocuments.Text(value) : null;
        int? Number(string name) =>
            root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
                ? number : null;
        if (Text("corpus") is { } corpus && Text("model") is { } model && Text("profile") is { } profile && Text("version") is { } version
            && Text("part") is { } part && CorpusPart.TryParse(part, out CorpusPart parsed) && Number("context") is { } context
            && Number("top") is { } top
            && root.TryGetProperty("documents", out JsonElement count) && count.ValueKind == JsonValueKind.Number
            && count.TryGetInt64(out long documents)
            && root.TryGetProperty("special", out JsonElement special))
        {
            return new()
            {
                Corpus = corpus,
                Model = model,
                Profile = profile,
                Context = context,
                Top = top,
                Special = special.ValueKind == JsonValueKind.True,
                Compare = Text("compare"),
                Version = version,
                Part = parsed,
                Documents = documents,
            };
        }
        throw new ScoringException($"{place}: this is not the record of a run; score the corpus again with --force.");
    }

    /// <summary>Writes the record beside a file of scores.</summary>
    internal void Write(string scores) => AtomicFile.Write(PathOf(scores), file => file.Write(
    [
        .. JsonText.Utf8(json =>
        {
            json.WriteStartObject();
            json.WriteString("corpus", Corpus);
            json.WriteString("model", Model);
            json.WriteString("profile", Profile);
            json.WriteNumber("context", Context);
            json.WriteNumber("top", Top);
            json.WriteBoolean("special", Special);
            json.WriteString("compare", Compare);
            json.WriteString("version", Version);
            json.WriteString("part", Part.ToString());
            json.WriteNumber("documents", Documents);
            json.WriteEndObject();
        }),
        (byte)'\n',
    ]));

    /// <summary>What tells another run from this one, as in "is of …"; null where they are the same but for the part.</summary>
    internal string? Difference(ScoreRun other) =>
        Corpus != other.Corpus ? "another corpus"
        : Model != other.Model ? "another model"
        : Profile != other.Profile ? $"a run with --profile {other.Profile}"
        : Context != other.Context ? $"a run with --context {other.Context}"
        : Top != other.Top ? $"a run with --top {other.Top}"
        : Special != other.Special ? $"a run {(other.Special ? "with" : "without")} --special"
        : Compare != other.Compare ? $"a run {(other.Compare is null ? "without --compare" : "with another --compare")}"
        : Version != other.Version ? $"version {other.Version}"
        : null;

    private static byte[] Bytes(string path)
    {
        try
        {
            return Files.ReadAll(path, MostBytes);
        }
        catch (CheckpointFormatException e)
        {
            throw new ScoringException(e.Message, e);
        }
    }
}
