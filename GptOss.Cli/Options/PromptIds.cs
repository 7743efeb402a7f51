using System.Text;
using System.Text.Json;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Options;

/// <summary>Where a prompt comes from: ids in a file, or text in one or on the command line.</summary>
internal static class PromptIds
{
    private const long MostBytes = 256 << 20;

    /// <summary>A JSON array of token ids. Whether a model knows them is for the model to say.</summary>
    /// <exception cref="InputException">Missing, not JSON, or not an array of whole numbers.</exception>
    internal static int[] Read(string path)
    {
        string name = Path.GetFileName(path);
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadText(path));
            if (document.RootElement.ValueKind != JsonValueKind.Array)
                throw new InputException($"{name}: the document is no array; expected a JSON array of token ids, such as [1, 2, 3].");
            int[] ids = new int[document.RootElement.GetArrayLength()];
            int at = 0;
            foreach (JsonElement element in document.RootElement.EnumerateArray())
            {
                ids[at] = element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int id) ? id
                    : throw new InputException($"{name}: entry {at} is {Clip(element.GetRawText())}; expected a token id.");
                at++;
            }
            return ids;
        }
        catch (JsonException e)
        {
            throw new InputException(
                $"{name}: not valid JSON at line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}; expected an array of token ids.");
        }
    }

    /// <summary>A UTF-8 text file as it is.</summary>
    /// <exception cref="InputException">Missing, or longer than any prompt.</exception>
    internal static string ReadText(string path)
    {
        if (Directory.Exists(path))
            throw new InputException($"{path} is a folder; expected a file.");
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new InputException($"There is no file '{path}'.");
        if (file.Length > MostBytes)
            throw new InputException($"{file.Name} has {file.Length} bytes; at most {MostBytes} are read.");
        return File.ReadAllText(path, Encoding.UTF8);
    }

    /// <summary>The ids of <c>--ids</c>; null where there is a text instead.</summary>
    /// <exception cref="UsageException">Both are given, or neither.</exception>
    internal static int[]? ReadUnless(string? text, string? idsFile) => text is null == idsFile is null
        ? throw new UsageException("Give either a prompt or --ids.")
        : idsFile is null ? null : Read(idsFile);

    /// <summary>Text as it is, special tokens by name.</summary>
    /// <exception cref="InputException">The model lacks ids that its tokenizer has.</exception>
    internal static int[] Encode(string text, Transformer model, Tokenizer tokenizer)
    {
        RequireText(model, tokenizer);
        return tokenizer.EncodeWithSpecials(text);
    }

    /// <summary>Refuses text for a model whose tokenizer has ids that it lacks.</summary>
    internal static void RequireText(Transformer model, Tokenizer tokenizer)
    {
        if (model.Config.VocabSize >= tokenizer.Count)
            return;
        throw new InputException($"The model has {model.Config.VocabSize} token ids and its tokenizer {tokenizer.Count}, "
            + "so text cannot be encoded for it; give token ids with --ids.");
    }

    private static string Clip(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
