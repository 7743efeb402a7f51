using System.CommandLine;

namespace GptOss.Cli.Options;

/// <summary><c>--speculate</c>.</summary>
internal static class SpeculateOption
{
    /// <param name="usual">How many where it is not stated.</param>
    internal static Option<int> Create(int usual) => Arguments.Number("--speculate",
        "Guesses up to N tokens ahead from the prompt and the answer and checks them in one pass, where that is faster; 0 never. Changes no bit of "
        + "the result.", 0, 32, usual);
}
