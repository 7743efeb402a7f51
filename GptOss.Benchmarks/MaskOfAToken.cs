using BenchmarkDotNet.Attributes;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>What does a mask cost? Before each token of the texts in <c>testdata/json-schema</c>, with each schema new at its first.</summary>
public class MaskOfAToken
{
    private const int Tokens = 64;

    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;

    private readonly ulong[] _mask = new ulong[(O200k.Count + 63) / 64];
    private (string Schema, int[] Text)[] _texts = [];

    /// <summary>Builds the trees of tokens, and masks of leaves that all schemas share.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _texts = SchemaTexts.All;
        Walk(JsonSchema.Compile(_texts[0].Schema), _texts[0].Text);
    }

    /// <summary>A mask where the text of an open string goes on: the most frequent one.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Tokens)]
    public void InsideAString()
    {
        var body = new JsonBody(JsonSchema.Any, O200k);
        body.TryAccept("\"The"u8);
        for (int i = 0; i < Tokens; i++)
        {
            Fill(body);
            body.TryAccept(" quick"u8);
        }
    }

    /// <summary>A mask inside the keys of an open object which has a hundred keys.</summary>
    [Benchmark(OperationsPerInvoke = Tokens)]
    public void InsideAKeyAfterAHundred()
    {
        JsonBody body = Keys.Fork();
        for (int i = 0; i < Tokens; i++)
        {
            Fill(body);
            body.TryAccept("k"u8);
        }
    }

    /// <summary>A mask where a value begins.</summary>
    [Benchmark(OperationsPerInvoke = Tokens)]
    public void WhereAValueBegins()
    {
        var body = new JsonBody(JsonSchema.Any, O200k);
        for (int i = 0; i < Tokens; i++)
        {
            Fill(body);
            body.TryAccept("["u8);
        }
    }

    /// <summary>How the times are spread over all tokens of all texts.</summary>
    [GlobalCleanup]
    public void Spread()
    {
        var times = new List<double>();
        foreach ((string schema, int[] text) in _texts)
            Walk(JsonSchema.Compile(schema), text, times);
        times.Sort();
        Console.WriteLine($"// masks: {Percentiles.Sentence([.. times])}");
    }

    private static JsonBody Keys { get; } = MakeKeys();

    private static JsonBody MakeKeys()
    {
        var body = new JsonBody(JsonSchema.AnyObject, O200k);
        body.TryAccept("{"u8);
        for (int key = 0; key < 100; key++)
            body.TryAccept(System.Text.Encoding.UTF8.GetBytes($"\"key{key}\":1,"));
        body.TryAccept("\""u8);
        return body;
    }

    private void Walk(JsonSchema schema, int[] text, List<double>? times = null)
    {
        var body = new JsonBody(schema, O200k);
        foreach (int id in text)
        {
            double[] time = Percentiles.Of(1, _ => Fill(body));
            times?.Add(time[0]);
            if (!body.TryAccept(O200k.TokenBytes(id).Span))
                throw new InvalidOperationException("A recorded text is not accepted.");
        }
    }

    private void Fill(JsonBody body)
    {
        Array.Clear(_mask);
        body.Fill(_mask);
    }
}
