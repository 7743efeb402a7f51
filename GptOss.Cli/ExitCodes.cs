using GptOss.Reference.Ground;

namespace GptOss.Cli;

/// <summary>The program's exit codes.</summary>
internal static class ExitCodes
{
    internal const int Ok = 0;

    /// <summary>What was tested differs or fails.</summary>
    internal const int Differs = 1;

    internal const int WrongUsage = 2;

    /// <summary>A file or a prompt that cannot be used.</summary>
    internal const int BadInput = 3;

    /// <summary>A fault of this program, as <c>sysexits.h</c> has it (EX_SOFTWARE).</summary>
    internal const int Fault = 70;

    /// <summary>Ended by Ctrl+C: 128 + SIGINT, as shells have it.</summary>
    internal const int Cancelled = 130;
}

/// <summary>The command line asks for something impossible. The message is one sentence.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A file or text cannot be used. The message is one sentence.</summary>
internal sealed class InputException(string message) : GptOssException(message);

/// <summary>The reader of standard output is gone: nothing is left to do.</summary>
internal sealed class OutputClosedException(Exception inner) : IOException(inner.Message, inner);
