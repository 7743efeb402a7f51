using System.Text;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Harmony;

/// <summary>Tokens as text with special tokens by name, in which text that spells such a name cannot be mistaken for one.</summary>
internal static class TextForm
{
    /// <summary>The text form.</summary>
    /// <param name="tokenizer">What the ids mean.</param>
    /// <param name="ids">The tokens.</param>
    /// <param name="hasLookalikes">Whether a backslash was put into text that spells a special token.</param>
    internal static string Of(Tokenizer tokenizer, ReadOnlySpan<int> ids, out bool hasLookalikes)
    {
        var text = new StringBuilder();
        hasLookalikes = false;
        for (int begin = 0, end; begin < ids.Length; begin = end)
        {
            end = begin + 1;
            if (tokenizer.SpecialName(ids[begin]) is { } name)
            {
                text.Append(name);
                continue;
            }
            while (end < ids.Length && !tokenizer.IsSpecial(ids[end]))
                end++;
            string run = tokenizer.Decode(ids[begin..end]);
            int[] spelled = tokenizer.EncodeWithSpecials(run);
            if (!Array.Exists(spelled, tokenizer.IsSpecial))
            {
                text.Append(run);
                continue;
            }
            hasLookalikes = true;
            foreach (int id in spelled.Where(tokenizer.IsSpecial).Distinct())
                run = run.Replace(tokenizer.SpecialName(id)!, tokenizer.SpecialName(id)!.Insert(1, "\\"), StringComparison.Ordinal);
            text.Append(run);
        }
        return text.ToString();
    }
}
