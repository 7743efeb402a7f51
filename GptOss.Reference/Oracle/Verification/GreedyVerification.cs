using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;

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
            Continuation[] runs = [.. prompts.Select(prompt => new Continuation(prompt.Ids, prompt.Of(model.Precision)!, model))];
            for (List<Continuation> going = [.. runs]; going.Count > 0; going.RemoveAll(run => run.IsDone))
            {
                BatchItem[] batch = [.. going.Select(run => new BatchItem(run.Sequence, run.Next, LogitRows.Last))];
                model.Forward(batch, logits, cancellation);
                for (int i = 0; i < going.Count; i++)
                    going[i].Take(logits[i], pack.Stop);
            }
            foreach (Continuation run in runs)
            {
                string name = $"prompt {reports.Count}";
                hashes.Append(run.Hash);
                double allowed = pack.Budgets.Of(model.Precision).Of(new(Stage.Logits, -1), run.Sequence.Length, model.Rotary, model.Config);
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
    private sealed class Continuation(IReadOnlyList<int> prompt, GreedyRecord record, Transformer model) : IDisposable
    {
        private readonly LogitsHash _hash = new();

        internal GreedyRecord Record => record;

        internal Sequence Sequence { get; } = model.NewSequence();

        /// <summary>What is fed next: the prompt, then the token chosen last.</summary>
        internal ReadOnlyMemory<int> Next { get; private set; } = prompt.ToArray();

        /// <summary>Steps that agreed.</summary>
        internal int Steps { get; private set; }

        /// <summary>The token that differs from the recording; null while none does.</summary>
        internal int? Differs { get; private set; }

        /// <summary>The recorded margin where a token differs, over the root mean square of that step's logits; 0 where none does.</summary>
        internal double Margin { get; private set; }

        internal bool IsDone { get; private set; }

        internal string Hash => _hash.ToString();

        internal void Take(ReadOnlySpan<float> logits, IReadOnlyList<int> stop)
        {
            _hash.Add(logits);
            int token = StageComparison.ArgMax(logits);
            if (token != record.Continuation[Steps])
            {
                Differs = token;
                Margin = record.Margins[Steps] / StageComparison.RootMeanSquare(logits);
                IsDone = true;
                return;
            }
            Steps++;
            IsDone = Steps == record.Continuation.Count;
            if (IsDone != stop.Contains(token) && stop.Contains(token))
            {
                Differs = token;                       // the recording goes on after a stop token, which no continuation does
                Margin = double.PositiveInfinity;
                Steps--;
                IsDone = true;
            }
            Next = new[] { token };
        }

        public void Dispose() => _hash.Dispose();
    }
}
