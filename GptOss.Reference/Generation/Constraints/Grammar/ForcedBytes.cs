namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>The bytes that a document leaves no choice about.</summary>
internal static class ForcedBytes
{
    private const int MostBytes = 1_024;

    /// <summary>The bytes that follow in any case, and whether the document has to end behind them.</summary>
    internal static (byte[] Bytes, bool Ends) Of(ReadOnlySpan<Config> configs)
    {
        var bytes = new List<byte>();
        ConfigSet now = new(), next = new(), only = new();
        foreach (Config config in configs)
            now.Add(config);
        while (bytes.Count < MostBytes)
        {
            bool mayEnd = false;
            foreach (Config config in now.Configs)
                mayEnd |= Machine.MayEnd(config);
            int value = OnlyByte(now, next, only);
            if (value == None)
                return ([.. bytes], mayEnd);
            if (mayEnd || value == Several)
                break;
            bytes.Add((byte)value);
            (now, only) = (only, now);
        }
        return ([.. bytes], false);
    }

    private const int None = -1, Several = -2;

    // The only byte that can come, with the readings behind it in the last set.
    private static int OnlyByte(ConfigSet now, ConfigSet next, ConfigSet only)
    {
        int found = None;
        for (int value = 0; value < 256; value++)
        {
            next.Clear();
            foreach (Config config in now.Configs)
                Machine.Step(config, (byte)value, next);
            if (next.Count == 0)
                continue;
            if (found != None)
                return Several;
            found = value;
            only.Clear();
            foreach (Config config in next.Configs)
                only.Add(config);
        }
        return found;
    }
}
