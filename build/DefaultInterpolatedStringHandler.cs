using System.Globalization;
using System.Text;

namespace System.Runtime.CompilerServices;

/// <summary>
/// Makes every interpolated string of the project independent of the culture of the program that it runs in: $"{-0.5}" is "-0.5" on a Finnish
/// machine too, in messages, JSON and everything else. The compiler takes this type for the system's one because it finds it in the project itself.
/// </summary>
/// <remarks>
/// Compiled into every project by Directory.Build.props. An interpolated string that is handed to a method with a format provider, such as
/// <c>string.Create(provider, …)</c>, uses the system's type and that provider.
/// </remarks>
[InterpolatedStringHandler]
internal ref struct DefaultInterpolatedStringHandler
{
    private readonly StringBuilder _text;
    private StringBuilder.AppendInterpolatedStringHandler _to;

    public DefaultInterpolatedStringHandler(int literalLength, int formattedCount)
    {
        _text = new(literalLength + 11 * formattedCount);
        _to = new(literalLength, formattedCount, _text, CultureInfo.InvariantCulture);
    }

    public void AppendLiteral(string value) => _to.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _to.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _to.AppendFormatted(value, format);

    public void AppendFormatted<T>(T value, int alignment) => _to.AppendFormatted(value, alignment);

    public void AppendFormatted<T>(T value, int alignment, string? format) => _to.AppendFormatted(value, alignment, format);

    public void AppendFormatted(ReadOnlySpan<char> value) => _to.AppendFormatted(value);

    public void AppendFormatted(ReadOnlySpan<char> value, int alignment = 0, string? format = null) => _to.AppendFormatted(value, alignment, format);

    public void AppendFormatted(string? value) => _to.AppendFormatted(value);

    public void AppendFormatted(string? value, int alignment = 0, string? format = null) => _to.AppendFormatted(value, alignment, format);

    public void AppendFormatted(object? value, int alignment = 0, string? format = null) => _to.AppendFormatted(value, alignment, format);

    public readonly string ToStringAndClear() => _text.ToString();
}
