using System.Collections;
using System.CommandLine;
using System.Security.Cryptography;
using GptOss.Reference.Generation;

namespace GptOss.Cli.Options;

/// <summary>How each token is drawn: <c>--temperature</c>, then <c>--top-k</c>, <c>--top-p</c>, <c>--min-p</c>, then <c>--seed</c>.</summary>
/// <param name="temperature">The temperature where none is given.</param>
/// <param name="seed">The seed where none is given; null for a new one each time.</param>
internal sealed class SamplingArguments(double temperature, ulong? seed) : IEnumerable<Option>
{
    private readonly Option<double> _temperature = Arguments.Number("--temperature",
        "Divides the logits; 0 takes the most probable token.", 0, 1e6, temperature);

    private readonly Option<int> _topK = Arguments.Number("--top-k", "Draws among this many most probable tokens; 0 among all.", 0, int.MaxValue, 0);
    private readonly Option<double> _topP = Arguments.Number("--top-p",
        "Draws among the fewest tokens that have this much probability together.", 0, 1, 1.0);

    private readonly Option<double> _minP = Arguments.Number("--min-p",
        "Draws among tokens at least this probable relative to the most probable one.", 0, 1, 0.0);

    private readonly Option<ulong?> _seed = Arguments.Number("--seed",
        $"Seed of the draws; the same seed gives the same text on every machine. {(seed is null ? "A new one each time" : seed)} if not given.", 0UL, ulong.MaxValue);

    internal SamplingOptions Options(ParseResult parsed) => new()
    {
        Temperature = parsed.GetValue(_temperature),
        TopK = parsed.GetValue(_topK),
        TopP = parsed.GetValue(_topP),
        MinP = parsed.GetValue(_minP),
        Seed = parsed.GetValue(_seed) ?? seed ?? BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4)),
    };

    public IEnumerator<Option> GetEnumerator() => new List<Option> { _temperature, _topK, _topP, _minP, _seed }.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
