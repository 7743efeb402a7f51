using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Completions;

/// <summary>A request of Completions: raw text or ids, no Harmony.</summary>
internal sealed record CompletionsRequest
{
    private const int MostPrompts = 64, MostTop = 20, DefaultTokens = 16;

    /// <summary>The prompts as ids; special tokens in text are text.</summary>
    internal required IReadOnlyList<int[]> Prompts { get; init; }

    internal required SamplingOptions Sampling { get; init; }

    internal required TokenPenalties? Penalties { get; init; }

    internal required IReadOnlyList<string> Stops { get; init; }

    /// <summary>Tokens to generate; 0 only together with <see cref="Echo"/>.</summary>
    internal required int MaxTokens { get; init; }

    internal required int Choices { get; init; }

    /// <summary>Whether the answer begins with the prompt.</summary>
    internal required bool Echo { get; init; }

    internal required int? TopLogProbabilities { get; init; }

    internal required bool IsStream { get; init; }

    internal required bool IncludesUsage { get; init; }

    /// <summary>Reads a request.</summary>
    /// <exception cref="ApiException">A field is missing or wrong.</exception>
    internal static CompletionsRequest Read(Field request, Tokenizer tokenizer, int vocabulary, double defaultTemperature)
    {
        int choices = SamplingFields.Choices(request);
        if (request["suffix"] is { IsString: true } suffix && suffix.String().Length > 0)
            throw ApiException.Unsupported("suffix", "suffix is not supported: the model continues text, it does not fill gaps.");
        if (request["best_of"] is { } best && best.Integer(1, int.MaxValue) != choices)
            throw ApiException.Unsupported("best_of", "best_of differs from n, which is not supported.");
        bool echo = request["echo"]?.Boolean() ?? false;
        return new CompletionsRequest
        {
            Prompts = ReadPrompts(request.Required("prompt"), tokenizer, vocabulary),
            Sampling = SamplingFields.Sampling(request, defaultTemperature),
            Penalties = SamplingFields.Penalties(request, vocabulary),
            Stops = SamplingFields.Stops(request["stop"]),
            MaxTokens = (int)(request["max_tokens"]?.Integer(echo ? 0 : 1, int.MaxValue) ?? DefaultTokens),
            Choices = choices,
            Echo = echo,
            TopLogProbabilities = (int?)request["logprobs"]?.Integer(0, MostTop),
            IsStream = request["stream"]?.Boolean() ?? false,
            IncludesUsage = request["stream_options"]?["include_usage"]?.Boolean() ?? false,
        };
    }

    private static List<int[]> ReadPrompts(Field prompt, Tokenizer tokenizer, int vocabulary)
    {
        if (prompt.IsString) return [tokenizer.Encode(prompt.String())];
        if (!prompt.IsArray) throw prompt.WrongType("a string, a list of strings, or a list of token ids");
        Field[] elements = [.. prompt.Elements()];
        if (elements.Length > 0 && elements[0] is { IsString: false, IsArray: false }) return [Ids(prompt, vocabulary)];
        if (elements.Length is 0 or > MostPrompts) throw ApiException.Invalid("prompt", $"prompt has {elements.Length} entries; expected 1 to {MostPrompts}.");
        return [.. elements.Select(element => element.IsString ? tokenizer.Encode(element.String()) : Ids(element, vocabulary))];
    }

    private static int[] Ids(Field list, int vocabulary) => [.. list.Elements().Select(id => (int)id.Integer(0, vocabulary - 1))];
}
