using GptOss.Reference.Chat;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Tests.Chat;

/// <summary>The toy with its unembedding replaced: it says what a test wrote down, a token with each pass, whatever it is asked.</summary>
internal sealed class ScriptedModel : IDisposable
{
    private readonly Queue<int> _script;

    internal ScriptedModel(TinyModel tiny, string text)
    {
        _script = new(tiny.Tokenizer.EncodeWithSpecials(text));
        int vocabulary = tiny.Model.Config.VocabSize;
        Model = tiny.Model.With(new ModelVariant { Kernels = kernels => kernels with { Products = new Saying(kernels, vocabulary, _script) } });
        Tokenizer = tiny.Tokenizer;
    }

    internal Transformer Model { get; }

    internal Tokenizer Tokenizer { get; }

    public void Dispose() => Model.Dispose();

    internal Conversation Conversation(Func<ConversationOptions, ConversationOptions>? change = null) =>
        new(Model, Tokenizer, (change is null ? TinyModel.Greedy : change(TinyModel.Greedy)) with { Speculate = 0 });

    private sealed class Saying(Kernels inner, int vocabulary, Queue<int> script) : ProductDecorator(inner)
    {
        internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output)
        {
            base.Linear(x, w, bias, output);
            if (output.Width == vocabulary)
                output[output.Count - 1][script.Dequeue()] = 1e9f;
        }
    }
}
