using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using GptOss.Cli.Bench;
using GptOss.Cli.Chat;
using GptOss.Cli.Diagnose;
using GptOss.Cli.Diff;
using GptOss.Cli.Explain;
using GptOss.Cli.Generate;
using GptOss.Cli.Harmony;
using GptOss.Cli.Inspect;
using GptOss.Cli.Options;
using GptOss.Cli.Score;
using GptOss.Cli.Serve;
using GptOss.Cli.Synth;
using GptOss.Cli.Terminals;
using GptOss.Cli.Tokens;
using GptOss.Cli.Tools;
using GptOss.Cli.Tracing;
using GptOss.Cli.Verify;

namespace GptOss.Cli;

/// <summary>gptoss: parses the command line and hands it to one command.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        using var terminal = Terminal.OfProcess();
        return Run(args, terminal);
    }

    /// <summary>Runs the program on the given streams.</summary>
    internal static int Run(string[] args, Terminal terminal) => ErrorBoundary.Run(terminal, () =>
    {
        // A prompt may begin with @, and -ab is not -a -b.
        var parsing = new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null };
        ParseResult parsed = Root(terminal).Parse(args.Length == 0 ? ["--help"] : args, parsing);
        Mistyped.Refuse(args, parsed);
        if (parsed.Action is ParseErrorAction)
            throw new UsageException(parsed.Errors[0].Message);
        return parsed.Invoke(new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    });

    /// <summary>Every command; those a newcomer tries first come first.</summary>
    internal static RootCommand Root(Terminal terminal)
    {
        var root = new RootCommand("Runs OpenAI's gpt-oss models on the CPU, with the same bits on every machine.")
        {
            ChatCommand.Create(terminal),
            GenerateCommand.Create(terminal),
            ServeCommand.Create(terminal),
            ExplainCommand.Create(terminal),
            TraceCommand.Create(terminal),
            TraceCommand.CreatePack(terminal),
            DiffCommand.Create(terminal),
            DiagnoseCommand.Create(terminal),
            VerifyCommand.Create(terminal),
            ScoreCommand.Create(terminal),
            InspectCommand.Create(terminal),
            SynthCommand.Create(terminal),
            HarmonyCommand.Create(terminal),
            TokensCommand.Create(terminal),
            ToolsCommand.Create(terminal),
            BenchCommand.Create(terminal),
        };
        foreach (Option option in root.Options)
            option.Description = option is HelpOption ? "Prints this help." : "Prints the version.";
        return root;
    }
}
