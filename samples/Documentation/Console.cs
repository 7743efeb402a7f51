namespace Documentation;

/// <summary>Keeps what the samples of one test print.</summary>
public static class Console
{
    private static readonly AsyncLocal<StringWriter> Output = new();

    /// <summary>Begins to keep.</summary>
    public static void Begin() => Output.Value = new StringWriter { NewLine = "\n" };

    /// <summary>What has been printed since the last call, or since <see cref="Begin"/>.</summary>
    public static string Take()
    {
        string printed = Output.Value!.ToString();
        Output.Value.GetStringBuilder().Clear();
        return printed;
    }

    public static void Write(object value) => Output.Value!.Write(value);

    public static void WriteLine(object value) => Output.Value!.WriteLine(value);
}
