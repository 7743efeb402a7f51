using System.Diagnostics;
using System.Text.Json;
using GptOss.Cli;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Cli;

/// <summary>What a command answered.</summary>
internal sealed record Answer(int Code, string Out, string Error)
{
    internal JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>The last line of standard error.</summary>
    internal string Sentence => Error.TrimEnd('\n').Split('\n')[^1];
}

/// <summary>Runs the program, in this process or in one of its own.</summary>
internal static class CommandLine
{
    internal const string Question = "What is the capital of Norway?";

    /// <summary>Runs it here; standard input is a terminal.</summary>
    internal static Answer Run(params string[] args) => RunWith(null, args);

    /// <summary>Runs it here with text piped in.</summary>
    internal static Answer RunWith(string? input, params string[] args)
    {
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        using var terminal = new Terminal(output, error, input is null ? null : new StringReader(input), TestContext.Current.CancellationToken);
        return new(Program.Run(args, terminal), output.ToString(), error.ToString());
    }

    /// <summary>Starts it as a process.</summary>
    internal static Process Start(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "gptoss.dll"));
        foreach (string arg in args)
            start.ArgumentList.Add(arg);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Runs it as a process, to its end.</summary>
    internal static Answer RunProcess(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        using Process process = Start(environment, args);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    /// <summary>A small synthetic checkpoint whose context is 16 positions.</summary>
    internal static string Small(TemporaryFolder folder, string name = "small", ulong seed = 1)
    {
        SyntheticCheckpoint.Write(folder.File(name), SmallShapes.SixteenPositions, seed, cancellation: TestContext.Current.CancellationToken);
        return folder.File(name);
    }
}
