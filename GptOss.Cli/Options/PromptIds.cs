using System.Text.Json;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Options;

/// <summary>The ids of a prompt: read from a file, or made from text.</summary>
internal static class PromptIds
{
    /// <summary>A JSON array of token ids. The model checks whether it knows them.</summary>
    /// <exception cref="InputException">Missing, not JSON, or not an array of whole numbers.</exception>
    internal static int[] Read(string path, Terminal terminal)
    {
        string name = Path.GetFileName(path);
        try
        {
            using var document = JsonDocument.Parse(TextInput.Read(path, terminal));
            if (document.RootElement.ValueKind != JsonValueKind.Array)
                throw new InputException($"{name}: the document is not an array; expected a JSON array of token ids, such as [1, 2, 3].");
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

    /// <summary>Text as it is, special tokens by name.</summary>
    /// <exception cref="InputException">The model lacks ids that its tokenizer has.</exception>
    internal static int[] Encode(string text, GptOssConfig config, Tokenizer tokenizer)
    {
        RequireText(config, tokenizer);
        return tokenizer.EncodeWithSpecials(text);
    }

    /// <summary>Refuses text for a model whose tokenizer has ids that it lacks.</summary>
    internal static void RequireText(GptOssConfig config, Tokenizer tokenizer)
    {
        if (config.VocabSize >= tokenizer.Count)
            return;
        throw new InputException($"The model has {config.VocabSize} token ids and its tokenizer {tokenizer.Count}, "
            + "so text cannot be encoded for it; give token ids with --ids.");
    }

    private static string Clip(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
