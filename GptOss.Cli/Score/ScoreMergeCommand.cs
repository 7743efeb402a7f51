using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Scoring;

namespace GptOss.Cli.Score;

/// <summary><c>gptoss score merge</c>: the parts of a corpus into the file that one run would have written.</summary>
internal sealed class ScoreMergeCommand
{
    private readonly Argument<string[]> _parts = new("parts")
    {
        Description = "The finished parts, in any order, each with its .run file beside it.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _out = new("--out") { Description = "The file to write.", HelpName = "FILE", Required = true };
    private readonly Option<bool> _force = new("--force") { Description = "Replaces a file that is there." };
    private readonly Option<bool> _json = new("--json") { Description = "The summary is one JSON object." };

    /// <param name="terminal">Where it prints.</param>
    /// <param name="corpus">What the command above takes and this one does not; help would show it.</param>
    internal static Command Create(Terminal terminal, Argument corpus)
    {
        var options = new ScoreMergeCommand();
        var command = new Command("merge", "Joins the parts of a corpus that were scored with --part into the same bytes as one run.")
        {
            options._parts, options._out, options._force, options._json,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        var help = new HelpOption();
        help.Action = new HelpWithout(corpus, (SynchronousCommandLineAction)help.Action!);
        command.Add(help);
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        string target = parsed.GetValue(_out)!;
        bool force = parsed.GetValue(_force);
        Existing.Refuse(target, force, "file");
        ScoreSummary summary = ScoreMerge.Join(target, parsed.GetValue(_parts)!, force, terminal.Cancellation);
        ScoreCommand.Report(summary, CorpusPart.Whole, parsed.GetValue(_json), terminal.Out);
        return ExitCodes.Ok;
    }

    private sealed class HelpWithout(Argument argument, SynchronousCommandLineAction help) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            argument.Hidden = true;
            return help.Invoke(parseResult);
        }
    }
}
