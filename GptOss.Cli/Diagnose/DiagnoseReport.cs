using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diagnosis;

namespace GptOss.Cli.Diagnose;

/// <summary>A diagnosis as people read it and as programs do.</summary>
/// <param name="Diagnosis">The models' ranking.</param>
internal sealed record DiagnoseReport(DiagnosisResult Diagnosis)
{
    /// <summary>Lines of the ranking that people are shown; programs get all.</summary>
    private const int Shown = 5;

    /// <summary>Whether a prompt was looked for.</summary>
    internal bool Suggests { get; init; }

    /// <summary>The prompt that was found.</summary>
    internal RevealingPrompt? Prompt { get; init; }

    internal string ToText()
    {
        var text = new StringBuilder();
        foreach (string reading in Diagnosis.Readings)
            text.Append($"Reading: {reading}.\n");
        text.Append(Diagnosis.Readings.Count > 0 ? "\n" : "");
        text.Append(Output.Text.Table(
        [
            ["model", "explained", "rms left", "× budget", "first at"],
            ["sound", "", Output.Text.Error(Diagnosis.DifferenceRms), Budgets(Diagnosis.OverBudget), Position(Diagnosis.FirstPosition)],
            .. Diagnosis.Ranking.Take(Shown).Select(entry => new[]
            {
                entry.Defect.Name, Percent(entry.Explained), Output.Text.Error(entry.RemainingRms), Budgets(entry.OverBudget),
                Position(entry.FirstPosition),
                entry.SameAs is { } other ? $"as {other}" : "",
            }),
        ], 1, 2, 3, 4));
        if (Diagnosis.Ranking.Count > Shown)
            text.Append($"{Diagnosis.Ranking.Count - Shown} more leave more; --json prints all.\n");
        text.Append('\n').Append(Sentence()).Append('\n');
        if (Diagnosis.NotTestable.Count > 0)
        {
            text.Append("\nNot testable with this prompt:\n");
            text.Append(Output.Text.Table([.. Diagnosis.NotTestable.Select(defect => new[] { "  " + defect.Name, "needs " + defect.Needs })]));
        }
        if (Suggests)
            text.Append('\n').Append(Suggestion());
        return text.ToString();
    }

    internal string ToJson() => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteString("verdict", Diagnosis.Verdict switch { Verdict.Sound => "sound", Verdict.Defect => "defect", _ => "unexplained" });
        json.WriteString("profile", Diagnosis.Precision.Name());
        json.WriteFinite("difference_rms", Diagnosis.DifferenceRms);
        json.WriteFinite("times_budget", Diagnosis.OverBudget);
        WritePosition(json, Diagnosis.FirstPosition);
        json.WriteStartArray("readings");
        foreach (string reading in Diagnosis.Readings)
            json.WriteStringValue(reading);
        json.WriteEndArray();
        json.WriteStartArray("ranking");
        foreach (RankedDefect entry in Diagnosis.Ranking)
        {
            json.WriteStartObject();
            json.WriteString("defect", entry.Defect.Name);
            json.WriteFinite("explained", entry.Explained);
            json.WriteFinite("remaining_rms", entry.RemainingRms);
            json.WriteFinite("times_budget", entry.OverBudget);
            WritePosition(json, entry.FirstPosition);
            if (entry.SameAs is { } other)
                json.WriteString("same_as", other);
            json.WriteString("mistake", entry.Defect.Mistake);
            json.WriteString("evidence", entry.Defect.Evidence);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteNames(json, "not_testable", Diagnosis.NotTestable);
        if (Diagnosis.FirstWrongStage is { } stage)
        {
            json.WriteStartObject("first_wrong_stage");
            json.WriteString("stage", stage.Stage);
            json.WriteNumber("position", stage.Position);
            WriteNumbers(json, "index", stage.Index);
            json.WriteEndObject();
        }
        if (Suggests)
        {
            json.WriteStartObject("suggested_prompt");
            WriteNumbers(json, "ids", Prompt?.Ids ?? []);
            WriteNames(json, "reveals", Prompt?.Reveals ?? []);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    });

    /// <summary>What it comes to.</summary>
    private string Sentence()
    {
        RankedDefect? best = Diagnosis.Ranking.Count > 0 ? Diagnosis.Ranking[0] : null;
        string profile = Diagnosis.Precision.Name();
        if (Diagnosis.Verdict == Verdict.Sound)
        {
            return Diagnosis.DifferenceRms == 0 ? "The dump is exactly what the sound model computes."
                : $"The dump is sound: what differs is within the {profile} budget.";
        }
        if (Diagnosis.Verdict == Verdict.Unexplained)
        {
            string nearest = best is not { Explained: > 0 } ? "No known mistake explains any of the difference."
                : $"No known mistake explains the difference; {best.Defect.Name} comes nearest and explains {Percent(best.Explained)} of it.";
            return nearest + FirstWrong();
        }
        string rest = best!.RemainingRms == 0 ? "nothing remains"
            : best.IsWithinBudget ? $"what remains is within the {profile} budget"
            : $"what remains is {Budgets(best.OverBudget)} times the {profile} budget";
        string[] equals = [.. Diagnosis.Ranking.Where(entry => entry.SameAs == best.Defect.Name).Select(entry => entry.Defect.Name)];
        string doubt = equals.Length == 0 ? "" : $"\nThis dump does not tell it from {string.Join(", ", equals)}.";
        return $"{best.Defect.Name} explains {Percent(best.Explained)} of the " +
            $"difference; {rest}.{doubt}\n{best.Defect.Mistake}\nSee {best.Defect.Evidence}{FirstWrong()}";
    }

    private string FirstWrong() =>
        Diagnosis.FirstWrongStage is { } stage ? $"\nThe first wrong stage is {stage.Stage}, at position {stage.Position}." : "";

    private string Suggestion()
    {
        if (Prompt is null)
            return "No prompt that was tried shows them: this model cannot make them, or hardly ever.\n";
        string hidden =
            Prompt.Hidden.Count == 0 ? "" : $"No prompt that was tried shows {string.Join(", ", Prompt.Hidden.Select(defect => defect.Name))}.\n";
        return $"A prompt whose last logits " +
            $"show {string.Join(", ", Prompt.Reveals.Select(defect => defect.Name))}:\n[{string.Join(", ", Prompt.Ids)}]\n{hidden}";
    }


    private static string Percent(double share) => share > 0 ? string.Create(CultureInfo.InvariantCulture, $"{100 * share:F2} %") : "nothing";

    private static string Position(int? position) => position?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static string Budgets(double times) =>
        double.IsFinite(times) ? times.ToString(times < 100 ? "0.00" : "0.0e+0", CultureInfo.InvariantCulture) : "infinite";

    private static void WritePosition(Utf8JsonWriter json, int? position)
    {
        if (position is { } first)
            json.WriteNumber("first_position", first);
        else
            json.WriteNull("first_position");
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (int number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static void WriteNames(Utf8JsonWriter json, string name, IEnumerable<Defect> defects)
    {
        json.WriteStartArray(name);
        foreach (Defect defect in defects)
            json.WriteStringValue(defect.Name);
        json.WriteEndArray();
    }
}
