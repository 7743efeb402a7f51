using System.CommandLine;
using GptOss.Reference.Oracle.Routing;

namespace GptOss.Cli.Options;

/// <summary>Replaying recorded choices of experts.</summary>
internal static class ReplayOption
{
    /// <summary><c>--replay</c>.</summary>
    internal static Option<string?> Create() => new("--replay")
    {
        Description = "Forces the experts of a routing file in place of the model's own; their weights come from this run's router logits.",
        HelpName = "FILE",
    };

    /// <summary>Says what a replay changed.</summary>
    internal static void Report(RoutingReplay? replay, TextWriter to)
    {
        if (replay is null)
            return;
        string first = replay.FirstChange is { } change ? $", first at position {change.Position} in layer {change.Layer}" : "";
        to.WriteLine($"The replay changed {replay.Changed} of {replay.Forced} choices{first}.");
    }
}
