using System.CommandLine;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Cli.Options;

/// <summary><c>--as</c>: what the logits of a dump are, where their values do not show it.</summary>
internal static class ReadAsOption
{
    internal static Option<LogitsKind?> Create() => Arguments.Word("--as",
        "What the logits of the dump are, and then as they stand. Without it, their values tell, and logits that are moved by a row " +
            "or scaled are recognised.",
        ("logits", LogitsKind.Logits), ("logprobs", LogitsKind.LogProbabilities), ("probabilities", LogitsKind.Probabilities));
}
