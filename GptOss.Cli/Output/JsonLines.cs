using System.Text;
using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Harmony;

namespace GptOss.Cli.Output;

/// <summary>One line of JSON in, one line out.</summary>
internal static class JsonLines
{
    /// <summary>
    /// Answers every line; empty ones are passed over. A line that is not a JSON object is answered with an error and does not end the run.
    /// </summary>
    /// <returns>The exit code: bad input if a line was not a JSON object.</returns>
    internal static int Run(TextReader input, Terminal terminal, Func<string, string> answer)
    {
        int code = ExitCodes.Ok, number = 0;
        foreach (string line in Lines(input))
        {
            terminal.Cancellation.ThrowIfCancellationRequested();
            number++;
            if (line.AsSpan().Trim().IsEmpty)
                continue;
            string result;
            try
            {
                result = answer(line);
            }
            catch (HarmonyFormatException e)
            {
                code = ExitCodes.BadInput;
                result = $"{{\"error\":{TextInput.Quoted($"Line {number}: {e.Message}")}}}";
            }
            terminal.Out.Write(result);
            terminal.Out.Write('\n');
        }
        return code;
    }

    /// <summary>Lines end at LF alone; other characters that end lines elsewhere may occur inside JSON.</summary>
    internal static IEnumerable<string> Lines(TextReader input)
    {
        var line = new StringBuilder();
        char[] block = new char[1 << 14];
        for (int count; (count = input.Read(block, 0, block.Length)) > 0;)
        {
            int start = 0;
            for (int end; (end = Array.IndexOf(block, '\n', start, count - start)) >= 0; start = end + 1)
            {
                yield return line.Append(block, start, end - start).ToString();
                line.Clear();
            }
            line.Append(block, start, count - start);
        }
        if (line.Length > 0)
            yield return line.ToString();
    }
}
