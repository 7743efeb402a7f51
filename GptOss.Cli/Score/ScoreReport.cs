using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Scoring;

namespace GptOss.Cli.Score;

/// <summary>The numbers of a corpus, as a table or as one object.</summary>
internal static class ScoreReport
{
    /// <summary>The object that <c>--json</c> prints.</summary>
    internal static string Json(ScoreSummary summary, CorpusPart part) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("part", part.Index);
        json.WriteNumber("parts", part.Count);
        json.WriteNumber("documents", summary.Documents);
        json.WriteNumber("tokens", summary.Tokens);
        json.WriteNumber("scored_tokens", summary.ScoredTokens);
        json.WriteNumber("bytes", summary.Bytes);
        json.WriteNumber("logprob", summary.LogProbability);
        json.WriteFinite("perplexity", summary.Perplexity);
        json.WriteFinite("bits_per_byte", summary.BitsPerByte);
        if (summary.Comparison is { } comparison)
        {
            json.WriteStartObject("compare");
            json.WriteStartObject(Divergence(comparison));
            json.WriteFinite("mean", comparison.Mean);
            json.WriteNumber("max", comparison.Largest);
            json.WriteNumber("tokens", comparison.Compared);
            json.WriteNumber("infinite", comparison.Infinite);
            json.WriteEndObject();
            json.WriteFinite("same_first", comparison.FirstAgreement);
            json.WriteFinite("top_agreement", comparison.TopAgreement);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    });

    /// <summary>The same for people.</summary>
    internal static string Table(ScoreSummary summary, CorpusPart part)
    {
        List<string[]> rows =
        [
            ["documents", Whole(summary.Documents) + (part.IsWhole ? "" : $"  (part {part})")],
            ["tokens", $"{Whole(summary.Tokens)}  ({Whole(summary.ScoredTokens)} scored, {Whole(summary.Bytes)} bytes of text)"],
            ["logprob", Digits(summary.LogProbability)],
            ["perplexity", Digits(summary.Perplexity)],
            ["bits per byte", Digits(summary.BitsPerByte)],
        ];
        if (summary.Comparison is { } comparison)
        {
            string infinite = comparison.Infinite == 0 ? "" : $", and infinite for {Whole(comparison.Infinite)} tokens";
            string finite = comparison.Compared == 0 ? "none" : $"{Digits(comparison.Mean)} on average, {Digits(comparison.Largest)} at most";
            rows.Add([Divergence(comparison), finite + infinite]);
            rows.Add(["same first", Percent(comparison.FirstAgreement)]);
            rows.Add(["top agreement", Percent(comparison.TopAgreement)]);
        }
        return Text.Table(rows);
    }

    private static string Divergence(ComparisonTotals comparison) => comparison.IsFull ? "kl" : "kl_top";

    private static string Whole(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Digits(double? value) => value is { } number ? number.ToString("G6", CultureInfo.InvariantCulture) : "none";

    private static string Percent(double? share) => share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:F2} %") : "none";
}
