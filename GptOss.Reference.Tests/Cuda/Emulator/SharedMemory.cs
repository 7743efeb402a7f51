namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>Shared memory of a block. Two threads that touch a word between the same two barriers, one of them writing, are a race.</summary>
internal sealed class SharedMemory(int bytes)
{
    private const int Several = -1;

    private readonly byte[] _bytes = new byte[bytes];
    private readonly (int Epoch, int Thread)[] _written = new (int, int)[(bytes + 3) / 4], _read = new (int, int)[(bytes + 3) / 4];
    private int _epoch = 1, _first = 1;                // epochs lie between barriers; the first one of the running block

    internal void NextEpoch() => _epoch++;

    /// <summary>Another block's memory: what the last one wrote was never written.</summary>
    internal void Clear() => _first = ++_epoch;

    internal ReadOnlySpan<byte> Load(ulong address, int size, int thread, Instruction by, string kernel)
    {
        Check(address, size, by, kernel);
        for (int word = (int)address / 4, end = ((int)address + size + 3) / 4; word < end; word++)
        {
            (int epoch, int writer) = _written[word];
            if (epoch < _first)
                throw new MachineFault($"{kernel}, '{by.Text}': thread {thread} reads shared word {word}, which was never written.");
            if (epoch == _epoch && writer != thread)
                throw Race(thread, "reads", word, by, kernel);
            ref (int Epoch, int Thread) read = ref _read[word];
            read = read.Epoch == _epoch && read.Thread != thread ? (_epoch, Several) : (_epoch, thread);
        }
        return _bytes.AsSpan((int)address, size);
    }

    internal Span<byte> Store(ulong address, int size, int thread, Instruction by, string kernel)
    {
        Check(address, size, by, kernel);
        for (int word = (int)address / 4, end = ((int)address + size + 3) / 4; word < end; word++)
        {
            if ((_written[word].Epoch == _epoch && _written[word].Thread != thread) || (_read[word].Epoch == _epoch && _read[word].Thread != thread))
                throw Race(thread, "writes", word, by, kernel);
            _written[word] = (_epoch, thread);
        }
        return _bytes.AsSpan((int)address, size);
    }

    private static MachineFault Race(int thread, string does, int word, Instruction by, string kernel) =>
        new($"{kernel}, '{by.Text}': thread {thread} {does} shared word {word}, which another thread uses without a barrier between.");

    private void Check(ulong address, int size, Instruction by, string kernel)
    {
        if (address % (uint)size != 0)
            throw new MachineFault($"{kernel}, '{by.Text}': shared address {address} is not a multiple of {size}.");
        if (address > (ulong)bytes || address + (uint)size > (ulong)bytes)
            throw new MachineFault($"{kernel}, '{by.Text}': {size} bytes at {address} of {bytes} shared bytes.");
    }
}
