using System.Globalization;
using System.Text;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>
/// The one spelling of strings that keys and constants have here: raw where JSON allows it, else the shortest escape, in lower case.
/// </summary>
internal static class JsonText
{
    /// <summary>A string with its quotes, in UTF-8.</summary>
    internal static byte[] Quoted(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\b' => quoted.Append("\\b"),
                '\f' => quoted.Append("\\f"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }

        return Encoding.UTF8.GetBytes(quoted.Append('"').ToString());
    }

    /// <summary>A key as <see cref="DeclaredKey.Text"/> has it: without its opening quote.</summary>
    internal static byte[] Key(string name) => Quoted(name)[1..];
}
