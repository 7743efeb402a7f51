using GptOss.Cli.Terminals;
using GptOss.Reference.Cuda;
using GptOss.Reference.Ground;

namespace GptOss.Cli;

/// <summary>Turns whatever a command throws into one sentence on standard error and an exit code. No stack trace leaves the program.</summary>
internal static class ErrorBoundary
{
    private const string NotEnoughMemory = "There is not enough memory for this; 'gptoss inspect' says how much a model needs at a given --context.";

    /// <summary>Runs a command; returns its exit code, or that of the exception it threw.</summary>
    internal static int Run(Terminal terminal, Func<int> command)
    {
        try
        {
            int code = command();
            terminal.Out.Flush();
            return code;
        }
        catch (Exception e)
        {
            (int code, string? sentence) = Explain(e);
            FlushQuietly(terminal.Out);
            if (sentence is not null)
                terminal.Error.WriteLine(sentence);
            terminal.Error.Flush();
            return code;
        }
    }

    /// <summary>The exit code of an exception, and its sentence; null where nothing is to be said.</summary>
    internal static (int Code, string? Sentence) Explain(Exception e) => e switch
    {
        AggregateException { InnerExceptions: [var inner, ..] } => Explain(inner),
        OutputClosedException => (ExitCodes.Ok, null),
        OperationCanceledException => (ExitCodes.Cancelled, "Cancelled."),
        OutOfMemoryException => (ExitCodes.BadInput, NotEnoughMemory),
        UsageException or DeviceException => (ExitCodes.WrongUsage, Sentence(e)),
        GptOssException or IOException or UnauthorizedAccessException or PlatformNotSupportedException => (ExitCodes.BadInput, Sentence(e)),
        _ => (ExitCodes.Fault, $"This should not have happened ({e.GetType().Name}): {Sentence(e)}"),
    };

    /// <summary>The message on one line, without what the runtime adds about parameters.</summary>
    private static string Sentence(Exception e)
    {
        string message = e.Message;
        int parameter = message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        if (parameter > 0)
            message = message[..parameter];
        return string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    private static void FlushQuietly(TextWriter writer)
    {
        try
        {
            writer.Flush();
        }
        catch (IOException)
        {
            // The exception that is being handled says more than this one.
        }
    }
}
