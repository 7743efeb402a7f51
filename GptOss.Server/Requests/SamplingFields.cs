using System.Globalization;
using System.Security.Cryptography;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>The fields that say how tokens are chosen, the same in all three APIs.</summary>
internal static class SamplingFields
{
    private const int MostStops = 16, LongestStop = 256, MostChoices = 8, MostTop = 20;

    /// <summary>Temperature, filters, seed. The defaults are the hosted API's: the model's own distribution and a new seed each time.</summary>
    /// <param name="request">The request.</param>
    /// <param name="defaultTemperature">The temperature where it states none.</param>
    internal static SamplingOptions Sampling(Field request, double defaultTemperature) => new()
    {
        Temperature = request["temperature"]?.Number(0, 2) ?? defaultTemperature,
        TopP = request["top_p"]?.Number(0, 1) ?? 1,
        TopK = (int)(request["top_k"]?.Integer(-1, int.MaxValue) ?? 0) is var k and > 0 ? k : 0,         // −1 is vLLM's word for off
        MinP = request["min_p"]?.Number(0, 1) ?? 0,
        Seed = request["seed"] is { } seed ? unchecked((ulong)seed.Integer(long.MinValue, long.MaxValue)) : BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)),
    };

    /// <summary>Penalties and bias on sampled tokens; null for none.</summary>
    internal static TokenPenalties? Penalties(Field request, int vocabulary)
    {
        double presence = request["presence_penalty"]?.Number(-2, 2) ?? 0, frequency = request["frequency_penalty"]?.Number(-2, 2) ?? 0;
        var bias = new Dictionary<int, float>();
        foreach ((string name, Field value) in request["logit_bias"]?.Members() ?? [])
        {
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id >= vocabulary)
                throw ApiException.Invalid("logit_bias", $"logit_bias has the key '{Field.Shown(name)}'; expected token ids below {vocabulary}.");
            bias[id] = (float)value.Number(-100, 100);
        }

        return presence == 0 && frequency == 0 && bias.Count == 0 ? null : new TokenPenalties((float)presence, (float)frequency, bias);
    }

    /// <summary>A string or a list of strings; empty strings are refused, since they would stop at once.</summary>
    internal static IReadOnlyList<string> Stops(Field? stop)
    {
        if (stop is not { } given) return [];
        Field[] all = given.IsString ? [given] : [.. given.Elements(MostStops)];
        return [.. all.Select(Stop)];
    }

    internal static int Choices(Field request) => (int)(request["n"]?.Integer(1, MostChoices) ?? 1);

    internal static int MostTopLogProbabilities => MostTop;

    /// <summary>The three efforts of gpt-oss; the words that other models have besides become the nearest of them.</summary>
    internal static ReasoningEffort? Effort(Field? effort) => effort is not { } given ? null : given.String() switch
    {
        "none" or "minimal" or "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" or "xhigh" or "max" => ReasoningEffort.High,
        var other => throw ApiException.Invalid(given.Path, $"{given.Path} is '{Field.Shown(other)}'; expected low, medium or high."),
    };

    private static string Stop(Field stop)
    {
        string text = stop.String();
        return text.Length is > 0 and <= LongestStop ? text
            : throw ApiException.Invalid(stop.Path, $"{stop.Path} has {text.Length} characters; expected 1 to {LongestStop}.");
    }
}
