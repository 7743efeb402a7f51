using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Synthetic;

namespace GptOss.Cli.Synth;

/// <summary><c>gptoss synth</c>: a checkpoint of any shape from a seed.</summary>
internal static class SynthCommand
{
    internal static Command Create(Terminal terminal)
    {
        var shape = new Option<string>("--shape")
        {
            Description = "20b, 120b, or a configuration file, OpenAI's or transformers'.",
            HelpName = "20b|120b|FILE",
            Required = true,
        };
        Option<ulong> seed = Arguments.Number("--seed",
            "Seed of the weights; the same seed gives the same bytes on every machine.", 0UL, ulong.MaxValue, 1UL);
        Option<int?> layers = Arguments.Number("--layers", "Layers, if fewer or more than the shape has.", 1, 10_000);
        var folder = new Option<string>("--out")
        {
            Description = "The folder to write config.json and model.safetensors into, or model.gguf.",
            HelpName = "DIR",
            Required = true,
        };
        Option<DenseType?> gguf = Arguments.Word("--gguf",
            "Writes one GGUF file instead, which llama.cpp reads too: dense weights as they are, or rounded to Q8_0.",
            ("bf16", DenseType.Bfloat16), ("q8", DenseType.Q8_0));
        var force = new Option<bool>("--force") { Description = "Replaces a checkpoint that exists." };
        var command = new Command("synth", "Writes a synthetic checkpoint of any shape, with random weights, for measuring and testing.")
        {
            shape, seed, layers, folder, gguf, force,
        };
        command.SetAction(parsed =>
        {
            string config = Config(parsed.GetValue(shape)!, parsed.GetValue(layers), terminal);
            (ulong seeded, string target, bool replaces) = (parsed.GetValue(seed), parsed.GetValue(folder)!, parsed.GetValue(force));
            return parsed.GetValue(gguf) is { } dense ? RunGguf(terminal, config, dense, seeded, target, replaces)
                : Run(terminal, config, seeded, target, replaces);
        });
        return command;
    }

    /// <summary>The configuration of <c>--shape</c>, in either dialect.</summary>
    internal static string Config(string shape, int? layers, Terminal terminal)
    {
        if (shape is "20b" or "120b")
            return SyntheticCheckpoint.ConfigFor(shape, layers);
        if (!Path.Exists(shape))
            throw NoSuchShape(shape);
        string text = TextInput.Read(shape, terminal);
        if (layers is null)
            return text;
        try
        {
            if (JsonNode.Parse(text) is JsonObject config)
            {
                config["num_hidden_layers"] = layers.Value;
                if (config["layer_types"] is JsonArray types && types.Count > layers.Value)
                    config["layer_types"] = new JsonArray([.. types.Take(layers.Value).Select(type => type?.DeepClone())]);
                return config.ToJsonString();
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // Not JSON, or a key twice: the reader of configurations says it better.
        }
        return text;
    }

    internal static InputException NoSuchShape(string shape) =>
        new($"There is no file '{shape}', and no published shape of that name; expected 20b, 120b or a configuration file.");

    private static int Run(Terminal terminal, string config, ulong seed, string folder, bool force)
    {
        long bytes = SyntheticCheckpoint.FileBytes(config);
        foreach (string name in (string[])["model.safetensors", "config.json"])
            Existing.Refuse(Path.Combine(folder, name), force, "folder");
        terminal.Error.WriteLine($"Writing {Output.Text.Bytes(bytes)} to {folder}.");
        SyntheticCheckpoint.Write(folder, config, seed, force, new ByteProgress(terminal, bytes), terminal.Cancellation);
        terminal.Out.WriteLine(Path.Combine(folder, "model.safetensors"));
        return ExitCodes.Ok;
    }

    private static int RunGguf(Terminal terminal, string config, DenseType dense, ulong seed, string folder, bool force)
    {
        SyntheticGguf.Plan plan = SyntheticGguf.PlanFor(config, dense);
        string file = Path.Combine(folder, SyntheticGguf.FileName);
        Existing.Refuse(file, force, "folder");
        terminal.Error.WriteLine($"Writing {Output.Text.Bytes(plan.Bytes)} to {folder}.");
        plan.Write(folder, seed, force, new ByteProgress(terminal, plan.Bytes), terminal.Cancellation);
        terminal.Out.WriteLine(file);
        return ExitCodes.Ok;
    }
}
