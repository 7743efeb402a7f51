using System.Diagnostics;
using System.Globalization;
using GptOss.Reference.Harmony;
using GptOss.Tools.Processes;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Functions;

/// <summary>
/// The user's own functions, each a program: the call's arguments arrive on its standard input, the function's name in
/// <c>GPTOSS_TOOL</c>, and what it prints is the answer. No shell is involved.
/// </summary>
/// <param name="functions">The functions; names are unique.</param>
public sealed class FunctionTools(IReadOnlyList<FunctionTool> functions) : ITool
{
    /// <summary>The most of a program's output that becomes an answer, in bytes.</summary>
    public const int OutputBytes = 256 * 1024;

    private const string MayHaveHadAnEffect = "It may have had an effect.";

    /// <inheritdoc/>
    public ToolNamespace Declaration { get; } = new(
        ToolNamespace.FunctionsName,
        null,
        [.. functions.Select(function => new ToolDescription(function.Name, function.Description, function.Parameters))]);

    /// <summary>The functions, in the order of the declaration.</summary>
    public IReadOnlyList<FunctionTool> Functions => functions;

    /// <summary>Reads functions from a file.</summary>
    /// <param name="path">The file: <c>{"tools":[{"type":"function","function":{…},"command":["prog","arg"],"timeout_s":30}]}</c>.</param>
    /// <exception cref="ToolFormatException">The file cannot be read, or breaks a rule.</exception>
    public static FunctionTools FromFile(string path) => new(FunctionFile.Read(path));

    /// <inheritdoc/>
    public bool IsFor(string recipient) => Find(recipient) is not null;

    /// <inheritdoc/>
    /// <remarks>A program that is stopped may have had an effect; the answer says so.</remarks>
    public async Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(recipient);
        ArgumentNullException.ThrowIfNull(content);
        string answer = Find(recipient) is { } function
            ? (await RunAsync(function, content, cancellation).ConfigureAwait(false)).Answer
            : $"There is no function {recipient}.";
        return [new ToolAnswer(recipient, answer)];
    }

    /// <summary>Calls a function and says how its program ended.</summary>
    /// <param name="name">The function's name, without the namespace.</param>
    /// <param name="arguments">What its program reads.</param>
    /// <param name="cancellation">Stops the program and its children.</param>
    /// <exception cref="ArgumentException">There is no such function.</exception>
    internal Task<FunctionResult> CallAsync(string name, string arguments, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        FunctionTool function = Find($"{ToolNamespace.FunctionsName}.{name}")
            ?? throw new ArgumentException($"There is no function '{name}'.", nameof(name));
        return RunAsync(function, arguments, cancellation);
    }

    private FunctionTool? Find(string recipient) =>
        functions.FirstOrDefault(function => recipient == $"{ToolNamespace.FunctionsName}.{function.Name}");

    private static async Task<FunctionResult> RunAsync(FunctionTool function, string arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(function.Command[0], function.Command.Skip(1));
        start.Environment["GPTOSS_TOOL"] = function.Name;
        ChildResult result = await ChildProcess.RunAsync(start, arguments, function.Timeout, OutputBytes, cancellation).ConfigureAwait(false);
        return new FunctionResult(Answer(function, result), result.End is ChildEnd.Exited ? result.ExitCode : null);
    }

    private static string Answer(FunctionTool function, ChildResult result) => result.End switch
    {
        ChildEnd.NotStarted => $"The program of {function.Name} could not be started: {result.Error}",
        ChildEnd.Cancelled => $"{function.Name} was stopped by the user. {MayHaveHadAnEffect}",
        ChildEnd.TimedOut => string.Create(
            CultureInfo.InvariantCulture,
            $"{function.Name} did not end within {function.Timeout.TotalSeconds} s and was stopped. {MayHaveHadAnEffect}"),
        ChildEnd.TooMuchOutput =>
            $"{result.Output}\n[cut: {function.Name} printed more than {OutputBytes} bytes and was stopped. {MayHaveHadAnEffect}]",
        _ when result.ExitCode == 0 => WithoutLineEnd(result.Output),
        _ when PythonText.Trim(result.Error).Length > 0 => WithoutLineEnd(result.Error),
        _ => string.Create(CultureInfo.InvariantCulture, $"{function.Name} failed with exit code {result.ExitCode} and no message."),
    };

    // The answer is the text of a program's last line, not its line end.
    private static string WithoutLineEnd(string text)
    {
        if (text.EndsWith("\r\n", StringComparison.Ordinal))
            return text[..^2];
        return text.EndsWith('\n') ? text[..^1] : text;
    }
}
