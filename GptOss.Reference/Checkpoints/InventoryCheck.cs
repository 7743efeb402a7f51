using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>Compares what a checkpoint holds with what its configuration calls for, and reports every difference at once.</summary>
internal static class InventoryCheck
{
    private const int Shown = 20;

    /// <summary>Requires every tensor of the inventory exactly once, with its shape and dtype, and nothing else.</summary>
    /// <param name="folder">For the message.</param>
    /// <param name="config">What to expect.</param>
    /// <param name="layout">Whose names to expect.</param>
    /// <param name="stored">What is there, by name; not changed.</param>
    /// <exception cref="CheckpointFormatException">unquantised or inventory.</exception>
    internal static void Require(string folder, GptOssConfig config, CheckpointLayout layout, IReadOnlyDictionary<string, StoredTensor> stored)
    {
        if (stored.Keys.FirstOrDefault(IsUnquantised) is { } plain)
            throw new CheckpointFormatException(folder, "unquantised",
                $"tensor '{Printable.Clip(plain)}' has no _blocks: this is an unquantised fine-tune, whose experts are stored transposed and not as MXFP4; it is not supported.");
        var problems = new List<string>(Shown);
        long count = 0, found = 0;
        foreach (ExpectedTensor expected in TensorNames.Inventory(config, layout))
        {
            if (!stored.TryGetValue(expected.Name, out StoredTensor? tensor))
            {
                Add($"'{expected.Name}' is missing");
                continue;
            }
            found++;
            if (tensor.Info.DType != expected.DType || !tensor.Info.Shape.SequenceEqual(expected.Shape))
                Add($"'{expected.Name}' is {tensor.Info.DType} {Printable.Shape(tensor.Info.Shape)}, expected {expected.DType} {Printable.Shape(expected.Shape)}");
        }
        if (found < stored.Count)
        {
            var expected = TensorNames.Inventory(config, layout).Select(tensor =>
                tensor.Name).Where(stored.ContainsKey).ToHashSet(StringComparer.Ordinal);
            foreach (string name in stored.Keys)
            {
                if (!expected.Contains(name))
                    Add($"'{Printable.Clip(name)}' is not part of a gpt-oss model of this configuration");
            }
        }
        if (count > 0)
            throw new CheckpointFormatException(folder, "inventory",
                $"{count} {(count == 1 ? "tensor does" : "tensors do")} not fit config.json: {string.Join("; ", problems)}{(count > Shown ? $"; and {count - Shown} more" : "")}.");

        void Add(string problem)
        {
            count++;
            if (problems.Count < Shown)
                problems.Add(problem);
        }
    }

    private static bool IsUnquantised(string name) =>
        name.EndsWith(".experts.gate_up_proj", StringComparison.Ordinal) || name.EndsWith(".experts.down_proj", StringComparison.Ordinal);
}
