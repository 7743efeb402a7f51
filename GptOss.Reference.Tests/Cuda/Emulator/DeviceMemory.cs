namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>
/// Memory of the card with gaps between allocations. Every access is looked up: one outside an allocation, misaligned, of bytes that were never
/// written, or of bytes that another block of the same launch wrote is a fault; so is a write to weights.
/// </summary>
internal sealed class DeviceMemory(long capacity)
{
    private const ulong First = 0x7f00_0000_0000, Gap = 4096;

    private readonly List<Allocation> _allocations = [];
    private Allocation? _last;
    private ulong _next = First;
    private int _stamp = 1, _launch = 1;               // a stamp for each block of each launch, and the first one of the running launch

    internal long Used { get; private set; }

    internal int Count => _allocations.Count;

    /// <summary>Bytes that kernels have loaded so far from what begins at an address.</summary>
    internal long Loaded(ulong address) => _allocations.Single(allocation => allocation.Address == address).Loaded;

    internal ulong Allocate(long bytes, bool isReadOnly)
    {
        if (bytes <= 0 || bytes > capacity - Used)
            throw new InsufficientMemoryException($"{bytes} bytes of {capacity - Used} that are free.");
        Allocation made = new(_next, new byte[bytes], isReadOnly ? null : new int[(bytes + 3) / 4]);
        _allocations.Add(made);
        _next = (_next + (ulong)bytes + Gap + 255) / 256 * 256;
        Used += bytes;
        return made.Address;
    }

    internal void Free(ulong address)
    {
        int index = _allocations.FindIndex(allocation => allocation.Address == address);
        if (index < 0)
            throw new MachineFault($"{address:x} is freed, but is the start of no allocation.");
        Used -= _allocations[index].Bytes.Length;
        _allocations.RemoveAt(index);
        _last = null;
    }

    /// <summary>What a copy from the host writes.</summary>
    internal Span<byte> Write(ulong address, int bytes, bool isFirst = false)
    {
        Allocation found = Find(address, bytes, 1, "a copy");
        int at = (int)(address - found.Address);
        if (found.Stamps is null && !isFirst)
            throw new MachineFault("A copy writes to weights.");
        if (found.Stamps is { } stamps)
        {
            if (at % 4 != 0 || bytes % 4 != 0)
                throw new MachineFault($"A copy of {bytes} bytes to +{at}: copies are of whole words.");
            stamps.AsSpan(at / 4, bytes / 4).Fill(1);
        }
        return found.Bytes.AsSpan(at, bytes);
    }

    /// <summary>What a copy to the host reads.</summary>
    internal ReadOnlySpan<byte> Read(ulong address, int bytes)
    {
        Allocation found = Find(address, bytes, 1, "a copy");
        int at = (int)(address - found.Address);
        if (found.Stamps?.AsSpan(at / 4, (at % 4 + bytes + 3) / 4).Contains(0) == true)
            throw new MachineFault($"A copy reads from +{at} of {found.Bytes.Length} bytes what was never written.");
        return found.Bytes.AsSpan(at, bytes);
    }

    /// <summary>A copy within the card: what was never written stays so.</summary>
    internal void Copy(ulong from, ulong to, int bytes)
    {
        Allocation source = Find(from, bytes, 4, "a copy"), target = Find(to, bytes, 4, "a copy");
        if (target.Stamps is null)
            throw new MachineFault("A copy writes to weights.");
        int at = (int)(from - source.Address), into = (int)(to - target.Address);
        source.Bytes.AsSpan(at, bytes).CopyTo(target.Bytes.AsSpan(into));
        if (source.Stamps is { } stamps)
            stamps.AsSpan(at / 4, bytes / 4).CopyTo(target.Stamps.AsSpan(into / 4));
        else
            target.Stamps.AsSpan(into / 4, bytes / 4).Fill(1);
    }

    internal void BeginLaunch() => _launch = ++_stamp;

    internal void BeginBlock() => _stamp++;

    internal ReadOnlySpan<byte> Load(ulong address, int bytes, Instruction by, string kernel)
    {
        Allocation found = _last is { } last && address - last.Address <= last.Room(bytes) && address % (uint)bytes == 0
            ? last : Find(address, bytes, bytes, $"{kernel}, '{by.Text}'");
        int at = (int)(address - found.Address);
        found.Loaded += bytes;
        if (found.Stamps is { } stamps)
        {
            for (int word = at / 4, end = (at + bytes + 3) / 4; word < end; word++)
            {
                int stamp = stamps[word];
                if (stamp == 0)
                    throw new MachineFault($"{kernel}, '{by.Text}': reads from +{at} of {found.Bytes.Length} bytes what was never written.");
                if (stamp >= _launch && stamp != _stamp)
                    throw new MachineFault($"{kernel}, '{by.Text}': reads from +{at} what another block of the same launch writes.");
            }
        }
        return found.Bytes.AsSpan(at, bytes);
    }

    internal Span<byte> Store(ulong address, int bytes, Instruction by, string kernel)
    {
        Allocation found = _last is { } last && address - last.Address <= last.Room(bytes) && address % (uint)bytes == 0
            ? last : Find(address, bytes, bytes, $"{kernel}, '{by.Text}'");
        if (found.Stamps is not { } stamps)
            throw new MachineFault($"{kernel}, '{by.Text}': writes to weights.");
        int at = (int)(address - found.Address);
        for (int word = at / 4, end = (at + bytes + 3) / 4; word < end; word++)
        {
            if (stamps[word] >= _launch && stamps[word] != _stamp)
                throw new MachineFault($"{kernel}, '{by.Text}': writes to +{at} what another block of the same launch writes.");
            stamps[word] = _stamp;
        }
        return found.Bytes.AsSpan(at, bytes);
    }

    private Allocation Find(ulong address, int bytes, int alignment, string who)
    {
        if (address % (uint)alignment != 0)
            throw new MachineFault($"{who}: address {address:x} is not a multiple of {alignment}.");
        int low = 0, high = _allocations.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (_allocations[middle].Address <= address)
                low = middle;
            else
                high = middle - 1;
        }
        if (high >= 0 && _allocations[low] is var found && address - found.Address <= found.Room(bytes))
            return _last = found;
        throw new MachineFault($"{who}: {bytes} bytes at {address:x} are outside every allocation.");
    }

    /// <param name="Address">Where it begins.</param>
    /// <param name="Bytes">What it holds.</param>
    /// <param name="Stamps">For each word who wrote it last, 0 where nobody did; null for weights, which only their first copy writes.</param>
    private sealed record Allocation(ulong Address, byte[] Bytes, int[]? Stamps)
    {
        internal long Loaded { get; set; }

        /// <summary>The last offset at which so many bytes fit; an address below the start is a huge offset.</summary>
        internal ulong Room(int bytes) => bytes <= Bytes.Length ? (ulong)(Bytes.Length - bytes) : 0;
    }
}
