using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>Greedy packs: the model continues every prompt by its own largest logit, token by token, until it ends or leaves the recording.</summary>
internal static class GreedyVerification
{
    /// <summary>Prompts that are continued together, which changes no bit and bounds the memory.</summary>
    private const int Together = 16;

    /// <summary>
    /// A continuation may leave the recording at a step whose recorded margin is smaller than the budget; it is not followed further.
    /// The section's hash is the SHA-256 of the prompts' logits hashes, in order, as text.
    /// </summary>
    internal static PackSection Run(GoldenPack pack, Transformer model, CancellationToken cancellation)
    {
        var reports = new List<StageReport>();
        var notes = new List<string>();
        var hashes = new StringBuilder();
        var logits = new LogitsBuffer();
        foreach (GreedyPrompt[] prompts in pack.Prompts.Where(prompt => prompt.Of(model.Precision) is not null).Chunk(Together))
        {
            Continuation[] runs = [.. prompts.Select(prompt => new Continuation(prompt.Ids, prompt.Of(model.Precision)!, model, pack.Stop))];
            for (List<Continuation> going = [.. runs]; going.Count > 0; going.RemoveAll(run => run.IsDone))
            {
                model.Forward([.. going.Select(run => run.Next())], logits, cancellation);
                for (int i = 0; i < going.Count; i++)
                    going[i].Take(logits[i]);
            }
            foreach (Continuation run in runs)
            {
                string name = $"prompt {reports.Count}";
                hashes.Append(run.Hash);
                double allowed = pack.Budgets.Of(model.Precision).Of(new(Stage.Logits, -1), run.Length, model.Rotary, model.Config);
                if (run.Differs is { } found)
                    notes.Add($"{name}, step {run.Steps}: {found}, recorded {run.Record.Continuation[run.Steps]} at margin {run.Record.Margins[run.Steps]:0.#####}.");
                reports.Add(new(name, run.Margin, allowed, run.Steps + (run.Differs is null ? 0 : 1), null, run.Margin <= allowed));
                run.Dispose();
            }
        }
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(hashes.ToString())));
        return new(model.Precision.Name(), model.Precision, reports, notes, hash, pack.ExpectedLogitsHash(model.Precision));
    }

    /// <summary>One continuation under way.</summary>
    private sealed class Continuation : IDisposable
    {
        private readonly LogitsHash _hash = new();
        private readonly Decoding _decoding;

        internal Continuation(IReadOnlyList<int> prompt, GreedyRecord record, Transformer model, IReadOnlyList<int> stop)
        {
            Record = record;
            _decoding = new(model.NewSequence(), prompt.ToArray(), new() { MaxTokens = record.Continuation.Count, StopTokens = stop });
        }

        internal GreedyRecord Record { get; }

        /// <summary>Tokens of prompt and continuation that were fed.</summary>
        internal int Length => _decoding.Sequence.Length;

        /// <summary>Steps that agreed.</summary>
        internal int Steps { get; private set; }

        /// <summary>The token that differs from the recording; null while none does.</summary>
        internal int? Differs { get; private set; }

        /// <summary>The recorded margin where a token differs, over the root mean square of that step's logits; 0 where none does.</summary>
        internal double Margin { get; private set; }

        internal bool IsDone => Differs is not null || Steps == Record.Continuation.Count;

        internal string Hash => _hash.ToString();

        /// <summary>The whole prompt, then the token that agreed last.</summary>
        internal BatchItem Next() => _decoding.Next(most: int.MaxValue);

        internal void Take(ReadOnlySpan<float> logits)
        {
            _hash.Add(logits);
            int token = StageComparison.ArgMax(logits);
            if (token != Record.Continuation[Steps])
            {
                Differs = token;
                Margin = Record.Margins[Steps] / StageRows.RootMeanSquareOf(logits);
                return;
            }
            _decoding.Put(token);
            if (_decoding.End == FinishReason.Stop && Steps < Record.Continuation.Count - 1)
            {
                Differs = token;                       // the recording goes on after a stop token, which no continuation does
                Margin = double.PositiveInfinity;
                return;
            }
            Steps++;
        }

        public void Dispose()
        {
            _hash.Dispose();
            _decoding.Sequence.Dispose();
        }
    }
}
