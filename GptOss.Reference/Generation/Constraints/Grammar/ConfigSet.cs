namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>The readings that are still possible. Those that differ only in what they are in are one, so that alternatives do not multiply.</summary>
internal sealed class ConfigSet
{
    /// <summary>
    /// The most readings that are followed side by side. Further ones are dropped, so that a schema of very many equal alternatives is kept more
    /// narrowly than it says, and at bounded cost; every reading leads to a valid end by itself.
    /// </summary>
    private const int MostConfigs = 512;

    private Config[] _configs = new Config[2];

    internal int Count { get; private set; }

    internal ReadOnlySpan<Config> Configs => _configs.AsSpan(0, Count);

    internal void Clear() => Count = 0;

    internal void Add(in Config config)
    {
        for (int i = 0; i < Count; i++)
        {
            ref Config known = ref _configs[i];
            if (!known.IsAtPlaceOf(config)) continue;
            if (known.Tops == config.Tops) return;
            if (config.Leaf is { Automaton: not KeyAutomaton })
            {
                known = known with { Tops = Frame.Union(known.Tops, config.Tops) };
                return;
            }

            if (!known.Top.IsLike(config.Top)) continue;
            Frame[] below = Frame.Union(known.Top.Below, config.Top.Below);
            if (below != known.Top.Below) known = known with { Tops = known.Top.In(below).Alone };
            return;
        }

        if (Count == MostConfigs) return;
        if (Count == _configs.Length) Array.Resize(ref _configs, 2 * Count);
        _configs[Count++] = config;
    }
}
