using System.Globalization;
using System.Text;

namespace GptOss.Cli.Output;

/// <summary>Numbers and tables as people read them.</summary>
internal static class Text
{
    /// <summary>13,761,301,520 bytes (12.8 GiB).</summary>
    internal static string Bytes(long bytes) =>
        bytes < 1024 ? $"{bytes} bytes" : string.Create(CultureInfo.InvariantCulture, $"{bytes:N0} bytes ({Short(bytes)})");

    /// <summary>1 token, 1,204 tokens.</summary>
    internal static string Count(long count, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {what}{(count == 1 ? "" : "s")}");

    /// <summary>512.3 tokens/s, or 12 s a token.</summary>
    internal static string Rate(long tokens, double seconds) => tokens >= 0.1 * seconds
        ? string.Create(CultureInfo.InvariantCulture, $"{tokens / Math.Max(seconds, 1e-9):F1} tokens/s")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds / tokens:N0} s a token");

    /// <summary>12 s, 7 min, 1.5 h, 3.2 days.</summary>
    internal static string Duration(double seconds) => seconds switch
    {
        < 99.5 => string.Create(CultureInfo.InvariantCulture, $"{seconds:F0} s"),
        < 5970 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:F0} min"),
        < 48 * 3600 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:F1} h"),
        <= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 86400:F1} days"),
        _ => "unknown time",
    };

    /// <summary>12.8 GiB.</summary>
    internal static string Short(long bytes)
    {
        string[] units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit + 1 < units.Length)
        {
            value /= 1024;
            unit++;
        }
        return unit == 0 ? $"{bytes} bytes" : string.Create(CultureInfo.InvariantCulture, $"{value:F1} {units[unit]}");
    }

    /// <summary>20.91B: billions, as the model card writes them; 4.19M, and 650, where there are fewer.</summary>
    internal static string Billions(long count) => count >= 100_000_000 ? string.Create(CultureInfo.InvariantCulture, $"{count / 1e9:F2}B")
        : count >= 100_000 ? string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:F2}M")
        : count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A difference or a budget in two digits, 1.2e-5; 0, infinite.</summary>
    internal static string Error(double value) => value == 0 ? "0"
        : double.IsNaN(value) ? "not a number"
        : double.IsFinite(value) ? value.ToString("0.0e+0", CultureInfo.InvariantCulture) : "infinite";

    /// <summary>Lines of cells in columns, two spaces apart.</summary>
    /// <param name="rows">Lines, each with its cells; headings are a line like any other.</param>
    /// <param name="right">Columns that are aligned to the right.</param>
    internal static string Table(IReadOnlyList<string[]> rows, params ReadOnlySpan<int> right)
    {
        int columns = rows.Count == 0 ? 0 : rows.Max(row => row.Length);
        int[] widths = new int[columns];
        foreach (string[] row in rows)
        {
            for (int i = 0; i < row.Length; i++)
                widths[i] = Math.Max(widths[i], row[i].Length);
        }
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            var line = new StringBuilder();
            for (int i = 0; i < row.Length; i++)
            {
                if (i > 0)
                    line.Append("  ");
                line.Append(right.Contains(i) ? row[i].PadLeft(widths[i]) : row[i].PadRight(widths[i]));
            }
            text.Append(line.ToString().TrimEnd()).Append('\n');
        }
        return text.ToString();
    }
}
