using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Numerics;
using GptOss.Reference.Oracle;

namespace GptOss.Cli;

/// <summary>A diagnosis as people read it and as programs do.</summary>
internal static class DiagnoseReport
{
    /// <summary>Lines of the ranking that people are shown; programs get all.</summary>
    private const int Shown = 5;

    internal static string Text(Diagnosis diagnosis, bool suggests, RevealingPrompt? prompt)
    {
        var text = new StringBuilder();
        text.Append(Cli.Text.Table(
        [
            ["model", "explained", "rms left", "× budget"],
            ["sound", "", Number(diagnosis.DifferenceRms), Budgets(diagnosis.OverBudget)],
            .. diagnosis.Ranking.Take(Shown).Select(entry => new[]
            {
                entry.Defect.Name, Percent(entry.Explained), Number(entry.RemainingRms), Budgets(entry.OverBudget),
                entry.SameAs is { } other ? $"as {other}" : "",
            }),
        ], 1, 2, 3));
        if (diagnosis.Ranking.Count > Shown)
            text.Append($"{diagnosis.Ranking.Count - Shown} more explain less.\n");
        text.Append('\n').Append(Sentence(diagnosis)).Append('\n');
        if (diagnosis.NotTestable.Count > 0)
        {
            text.Append("\nNot testable with this prompt:\n");
            text.Append(Cli.Text.Table([.. diagnosis.NotTestable.Select(defect => new[] { "  " + defect.Name, "needs " + defect.Needs })]));
        }
        if (suggests)
            text.Append('\n').Append(Suggestion(prompt));
        return text.ToString();
    }

    internal static string Json(Diagnosis diagnosis, bool suggests, RevealingPrompt? prompt) => GenerateJson.Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("verdict", diagnosis.Verdict switch { Verdict.Sound => "sound", Verdict.Defect => "defect", _ => "unexplained" });
        json.WriteString("profile", Name(diagnosis.Precision));
        WriteNumber(json, "difference_rms", diagnosis.DifferenceRms);
        WriteNumber(json, "times_budget", diagnosis.OverBudget);
        json.WriteStartArray("ranking");
        foreach (RankedDefect entry in diagnosis.Ranking)
        {
            json.WriteStartObject();
            json.WriteString("defect", entry.Defect.Name);
            WriteNumber(json, "explained", entry.Explained);
            WriteNumber(json, "remaining_rms", entry.RemainingRms);
            WriteNumber(json, "times_budget", entry.OverBudget);
            if (entry.SameAs is { } other)
                json.WriteString("same_as", other);
            json.WriteString("mistake", entry.Defect.Mistake);
            json.WriteString("evidence", entry.Defect.Evidence);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteNames(json, "not_testable", diagnosis.NotTestable);
        if (suggests)
        {
            json.WriteStartObject("suggested_prompt");
            json.WriteStartArray("ids");
            foreach (int id in prompt?.Ids ?? [])
                json.WriteNumberValue(id);
            json.WriteEndArray();
            WriteNames(json, "reveals", prompt?.Reveals ?? []);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    });

    /// <summary>What it comes to.</summary>
    private static string Sentence(Diagnosis diagnosis)
    {
        RankedDefect? best = diagnosis.Ranking.Count > 0 ? diagnosis.Ranking[0] : null;
        string profile = Name(diagnosis.Precision);
        if (diagnosis.Verdict == Verdict.Sound)
        {
            return diagnosis.DifferenceRms == 0 ? "The dump is exactly what the sound model computes."
                : $"The dump is sound: what differs is within the {profile} budget.";
        }
        if (diagnosis.Verdict == Verdict.Unexplained)
        {
            return best is not { Explained: > 0 } ? "No known mistake explains any of the difference."
                : $"No known mistake explains the difference; {best.Defect.Name} comes nearest and explains {Percent(best.Explained)} of it.";
        }
        string rest = best!.RemainingRms == 0 ? "nothing remains"
            : best.IsWithinBudget ? $"what remains is within the {profile} budget"
            : $"what remains is {Budgets(best.OverBudget)} times the {profile} budget";
        return $"{best.Defect.Name} explains {Percent(best.Explained)} of the difference; {rest}.\n{best.Defect.Mistake}\nSee {best.Defect.Evidence}";
    }

    private static string Suggestion(RevealingPrompt? prompt)
    {
        if (prompt is null)
            return "No prompt that was tried shows them: this model cannot make them, or hardly ever.\n";
        string hidden = prompt.Hidden.Count == 0 ? "" : $"No prompt that was tried shows {string.Join(", ", prompt.Hidden.Select(defect => defect.Name))}.\n";
        return $"A prompt whose last logits show {string.Join(", ", prompt.Reveals.Select(defect => defect.Name))}:\n[{string.Join(", ", prompt.Ids)}]\n{hidden}";
    }

    private static string Name(Precision precision) => precision == Precision.Bfloat16 ? "bfloat16" : "float32";

    private static string Percent(double share) => share > 0 ? string.Create(CultureInfo.InvariantCulture, $"{100 * share:F2} %") : "nothing";

    private static string Number(double value) => value == 0 ? "0" : double.IsFinite(value) ? value.ToString("0.0e+0", CultureInfo.InvariantCulture) : "no number";

    private static string Budgets(double times) => double.IsFinite(times) ? times.ToString(times < 100 ? "0.00" : "0.0e+0", CultureInfo.InvariantCulture) : "infinite";

    private static void WriteNames(Utf8JsonWriter json, string name, IEnumerable<Defect> defects)
    {
        json.WriteStartArray(name);
        foreach (Defect defect in defects)
            json.WriteStringValue(defect.Name);
        json.WriteEndArray();
    }

    // JSON has no infinity: a model whose logits are no numbers has none that could be written.
    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(name, value);
        else
            json.WriteNull(name);
    }
}
