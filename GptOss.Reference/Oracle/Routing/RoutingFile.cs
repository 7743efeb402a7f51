using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>Reads a routing file line by line and believes none of it.</summary>
internal static class RoutingFile
{
    private const string Rule = "routing";

    /// <summary>The choices in a file that fits a model and the ids that it will run.</summary>
    /// <exception cref="CheckpointFormatException">The file cannot be read, is not a routing file, or does not fit.</exception>
    internal static RoutingReplay Read(string path, GptOssConfig config, ReadOnlySpan<int> ids)
    {
        int layers = config.NumHiddenLayers, perToken = config.ExpertsPerToken;
        var experts = new List<int>();              // grows with what is really there
        int tokens = 0;
        foreach ((int number, ReadOnlyMemory<byte> utf8) in Lines(path))
        {
            string at = $"{path}, line {number}";      // messages begin with the last part of the path
            if (tokens == ids.Length)
                throw new CheckpointFormatException(at, Rule, $"there is a token too many; {ids.Length} ids run.");
            using JsonDocument document = JsonDocuments.Parse(utf8, at, Rule);
            var line = new Line(document.RootElement, at, config);
            line.RequireNumber("position", tokens, "lines go from position 0 on, one for each token");
            line.RequireNumber("id", ids[tokens], "that id runs there");
            line.AddExperts(experts);
            tokens++;
        }
        if (tokens < ids.Length)
            throw new CheckpointFormatException(path, Rule, $"there are choices for {tokens} tokens; {ids.Length} ids run.");
        return new([.. experts], layers, perToken);
    }

    /// <summary>The lines that are not blank, with their numbers from 1; each is valid until the next.</summary>
    private static IEnumerable<(int Number, ReadOnlyMemory<byte> Utf8)> Lines(string path)
    {
        using FileStream file = Open(path);
        byte[] buffer = new byte[1 << 16];
        int number = 1, start = 0, end = 0;
        for (bool more = true; more || start < end;)
        {
            int length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length < 0 && more)
            {
                if (end - start == JsonDocuments.MaxBytes)
                    throw new CheckpointFormatException($"{path}, line {number}", Rule, $"the line is longer than {JsonDocuments.MaxBytes} bytes.");
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
                if (end == buffer.Length)
                    Array.Resize(ref buffer, Math.Min(2 * buffer.Length, JsonDocuments.MaxBytes));
                int read = Read(file, buffer.AsMemory(end), path);
                (more, end) = (read > 0, end + read);
                continue;
            }
            ReadOnlyMemory<byte> line = buffer.AsMemory(start, length < 0 ? end - start : length);
            if (!line.Span.Trim(" \t\r"u8).IsEmpty)
                yield return (number, line);
            (start, number) = (start + line.Length + (length < 0 ? 0 : 1), number + 1);
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            return Files.Length(path) > 0 ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0)
                : throw new CheckpointFormatException(path, Rule, "the file is empty; expected one line of JSON for each token.");
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(path, e);
        }
    }

    private static int Read(FileStream file, Memory<byte> into, string path)
    {
        try
        {
            return file.Read(into.Span);
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(path, e);
        }
    }

    /// <summary>One token's object.</summary>
    private readonly struct Line(JsonElement root, string at, GptOssConfig config)
    {
        /// <summary>A member that need not be there, and may be one number only.</summary>
        internal void RequireNumber(string name, int expected, string why)
        {
            if (root.TryGetProperty(name, out JsonElement value) && !(value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number == expected))
                throw Bad($"{name} is {JsonDocuments.Shown(value)}; expected {expected}: {why}.");
        }

        /// <summary>The experts of every layer, ascending in each.</summary>
        internal void AddExperts(List<int> all)
        {
            if (!root.TryGetProperty("experts", out JsonElement layers))
                throw Bad("experts is missing; expected a list with the experts of every layer.");
            RequireCount("experts", layers, config.NumHiddenLayers, "layers");
            Span<int> chosen = new int[config.ExpertsPerToken];
            int layer = 0;
            foreach (JsonElement list in layers.EnumerateArray())
            {
                RequireCount($"experts[{layer}]", list, config.ExpertsPerToken, "experts");
                int rank = 0;
                foreach (JsonElement item in list.EnumerateArray())
                {
                    if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int expert) || (uint)expert >= (uint)config.NumExperts)
                        throw Bad($"experts[{layer}][{rank}] is {JsonDocuments.Shown(item)}; experts go from 0 to {config.NumExperts - 1}.");
                    if (chosen[..rank].Contains(expert))
                        throw Bad($"experts[{layer}] holds {expert} twice.");
                    chosen[rank++] = expert;
                }
                chosen.Sort();
                all.AddRange(chosen);
                layer++;
            }
        }

        private void RequireCount(string name, JsonElement list, int count, string what)
        {
            if (list.ValueKind != JsonValueKind.Array)
                throw Bad($"{name} is {JsonDocuments.Shown(list)}; expected a list of {count} {what}.");
            if (list.GetArrayLength() != count)
                throw Bad($"{name} has {list.GetArrayLength()} {what}; expected {count}.");
        }

        private CheckpointFormatException Bad(string sentence) => new(at, Rule, sentence);
    }
}
