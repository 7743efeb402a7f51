using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>Thirty-two threads of a block. Where they part, those at the lowest instruction go first, which brings them together again.</summary>
internal sealed class Warp
{
    private const int Lanes = 32, Waiting = int.MaxValue - 1, Exited = int.MaxValue;
    private const uint All = uint.MaxValue, NeverWritten = 0xdead_beef;

    private readonly Entry _entry;
    private readonly byte[] _parameters;
    private readonly DeviceMemory _global;
    private readonly SharedMemory _shared;
    private readonly int _first, _lanes;
    private readonly int[] _pc = new int[Lanes], _resume = new int[Lanes];
    private readonly uint[] _registers, _mask = new uint[Lanes], _exchange = new uint[Lanes];
    private readonly ulong[] _wide;
    private uint _active, _blocked;

    internal Warp(Entry entry, byte[] parameters, DeviceMemory global, SharedMemory shared, int first, int lanes, int threads)
    {
        (_entry, _parameters, _global, _shared, _first, _lanes) = (entry, parameters, global, shared, first, lanes);
        _registers = new uint[entry.Rows32 * Lanes];
        _wide = new ulong[entry.Rows64 * Lanes];
        _registers.AsSpan().Fill(NeverWritten);
        _wide.AsSpan().Fill(NeverWritten);
        foreach ((uint value, int row) in entry.Constants32)
            Row((Special)row).Fill(value);
        foreach ((ulong value, int row) in entry.Constants64)
            _wide.AsSpan(row * Lanes, Lanes).Fill(value);
        for (int i = 0; i < Lanes; i++)
            Row(Special.ThreadX)[i] = (uint)(first + i);
        Row(Special.ThreadsX).Fill((uint)threads);
    }

    /// <summary>The barriers at which threads wait.</summary>
    internal IEnumerable<int> Barriers
    {
        get
        {
            for (int i = 0; i < Lanes; i++)
            {
                if (_pc[i] == Waiting)
                    yield return _resume[i];
            }
        }
    }

    internal void Begin((int X, int Y, int Z) block)
    {
        for (int i = 0; i < Lanes; i++)
            _pc[i] = i < _lanes ? 0 : Exited;
        Row(Special.BlockX).Fill((uint)block.X);
        Row(Special.BlockY).Fill((uint)block.Y);
        Row(Special.BlockZ).Fill((uint)block.Z);
    }

    internal void Release()
    {
        for (int i = 0; i < Lanes; i++)
            _pc[i] = _pc[i] == Waiting ? _resume[i] : _pc[i];
    }

    /// <summary>Until every thread has left or waits at a barrier. Returns how many instructions that took.</summary>
    internal long Run()
    {
        long count = 0;
        while (true)
        {
            int pc = Waiting;
            for (int i = 0; i < Lanes; i++)
                pc = (_blocked >> i & 1) == 0 ? Math.Min(pc, _pc[i]) : pc;
            if (pc >= Waiting)
            {
                return _blocked == 0 ? count : throw new MachineFault(
                    $"{_entry.Name}: threads {_blocked:x8} of the warp from {_first} wait at a shuffle for threads that never come.");
            }
            int others = Waiting;                      // the next place where somebody else stands
            uint active = 0;
            for (int i = 0; i < Lanes; i++)
            {
                if (_pc[i] == pc)
                    active |= 1u << i;
                else
                    others = Math.Min(others, _pc[i]);
            }
            Activate(active);
            count += RunTogether(pc, others);
        }
    }

    private Span<uint> Row(Special special) => _registers.AsSpan((int)special * Lanes, Lanes);

    private void Activate(uint active)
    {
        if (_active == active)
            return;
        _active = active;
        for (int i = 0; i < Lanes; i++)
            _mask[i] = (active >> i & 1) != 0 ? All : 0;
    }

    /// <summary>The active threads go on together, until they part, wait, leave, or reach where others stand.</summary>
    private long RunTogether(int pc, int others)
    {
        IReadOnlyList<Instruction> code = _entry.Code;
        long count = 0;
        do
        {
            Instruction n = code[pc];
            count++;
            switch (n.Op)
            {
                case Op.Branch:
                    uint taken = n.Guard < 0 ? _active : (Bits(n.Guard) ^ (n.IsGuardNegated ? All : 0)) & _active;
                    if (taken != _active && taken != 0)
                    {
                        Leave(taken, n.Jump);
                        Leave(_active & ~taken, pc + 1);
                        return count;
                    }
                    pc = taken != 0 ? n.Jump : pc + 1;
                    break;
                case Op.Return:
                    Leave(_active, Exited);
                    return count;
                case Op.Barrier:
                    for (int i = 0; i < Lanes; i++)
                        _resume[i] = (_active >> i & 1) != 0 ? pc + 1 : _resume[i];
                    Leave(_active, Waiting);
                    return count;
                case Op.Shuffle:
                    if (!Exchange(n))
                    {
                        _blocked |= _active;           // until the others are here
                        Leave(_active, pc);
                        return count;
                    }
                    _blocked &= ~_active;
                    pc++;
                    break;
                default:
                    Execute(n);
                    pc++;
                    break;
            }
        }
        while (pc < others);
        Leave(_active, pc);
        return count;
    }

    private void Leave(uint threads, int pc)
    {
        for (int i = 0; i < Lanes; i++)
            _pc[i] = (threads >> i & 1) != 0 ? pc : _pc[i];
    }

    /// <summary>The predicate of every thread.</summary>
    private uint Bits(int row)
    {
        uint bits = 0;
        for (int i = 0; i < Lanes; i += Vector256<uint>.Count)
            bits |= Vector256.LoadUnsafe(ref _registers[row * Lanes + i]).ExtractMostSignificantBits() << i;
        return bits;
    }

    /// <summary>shfl.sync: a thread that is named and has neither come nor left is waited for.</summary>
    private bool Exchange(Instruction n)
    {
        uint members = _registers[n.Sources[3] * Lanes];
        for (int i = 0; i < Lanes; i++)
            members &= _pc[i] == Exited ? ~(1u << i) : All;
        if ((_active & ~_registers[n.Sources[3] * Lanes]) != 0 || _registers[n.Sources[2] * Lanes] != 31)
            throw new MachineFault($"{_entry.Name}, '{n.Text}': a thread that is not named takes part, or the warp is cut.");
        if ((members & ~_active) != 0)
            return false;
        _registers.AsSpan(n.A * Lanes, Lanes).CopyTo(_exchange);
        for (int i = 0; i < Lanes; i++)
        {
            int from = i ^ (int)_registers[n.B * Lanes + i];
            if ((_active >> i & 1) == 0)
                continue;
            if ((_active >> from & 1) == 0)
                throw new MachineFault($"{_entry.Name}, '{n.Text}': thread {_first + i} takes a value of thread {_first + from}, which has left.");
            _registers[n.D * Lanes + i] = _exchange[from];
        }
        return true;
    }

    private void Execute(Instruction n)
    {
        switch (n.Op)
        {
            case Op.FusedMultiplyAdd: Apply<FusedMultiplyAdd>(n); break;
            case Op.AddFloat: Apply<AddFloat>(n); break;
            case Op.SubtractFloat: Apply<SubtractFloat>(n); break;
            case Op.MultiplyFloat: Apply<MultiplyFloat>(n); break;
            case Op.DivideFloat: Apply<DivideFloat>(n); break;
            case Op.Reciprocal: Apply<Reciprocal>(n); break;
            case Op.SquareRoot: Apply<SquareRoot>(n); break;
            case Op.NegateFloat: Apply<NegateFloat>(n); break;
            case Op.FloatOfInt: Apply<FloatOfInt>(n); break;
            case Op.FloatLess: Apply<FloatLess>(n); break;
            case Op.FloatGreater: Apply<FloatGreater>(n); break;
            case Op.FloatUnordered: Apply<FloatUnordered>(n); break;
            case Op.FloatOrdered: Apply<FloatOrdered>(n); break;
            case Op.Add: Apply<Add>(n); break;
            case Op.Subtract: Apply<Subtract>(n); break;
            case Op.MultiplyLow: Apply<MultiplyLow>(n); break;
            case Op.MultiplyAdd: Apply<MultiplyAdd>(n); break;
            case Op.Minimum: Apply<Minimum>(n); break;
            case Op.MinimumUnsigned: Apply<MinimumUnsigned>(n); break;
            case Op.Negate: Apply<Negate>(n); break;
            case Op.And: Apply<And>(n); break;
            case Op.Or: Apply<Or>(n); break;
            case Op.Xor: Apply<Xor>(n); break;
            case Op.Not: Apply<Not>(n); break;
            case Op.Less: Apply<Less>(n); break;
            case Op.LessEqual: Apply<LessEqual>(n); break;
            case Op.LessUnsigned: Apply<LessUnsigned>(n); break;
            case Op.GreaterUnsigned: Apply<GreaterUnsigned>(n); break;
            case Op.Greater: Apply<Greater>(n); break;
            case Op.GreaterEqual: Apply<GreaterEqual>(n); break;
            case Op.Equal: Apply<Equal>(n); break;
            case Op.NotEqual: Apply<NotEqual>(n); break;
            case Op.Select: Apply<Select>(n); break;
            case Op.Move: Apply<Move>(n); break;
            case Op.ShiftLeft: ApplyEach<ShiftLeft>(n); break;
            case Op.ShiftRight: ApplyEach<ShiftRight>(n); break;
            case Op.ShiftRightSigned: ApplyEach<ShiftRightSigned>(n); break;
            case Op.ExtractBits: ApplyEach<ExtractBits>(n); break;
            case Op.Divide: ApplyEach<Divide>(n); break;
            case Op.Remainder: ApplyEach<Remainder>(n); break;
            case Op.Load: Load(n); break;
            case Op.Store: Store(n); break;
            default: ExecuteWide(n); break;
        }
    }

    private void Apply<T>(Instruction n) where T : struct, ILanes
    {
        ref uint registers = ref MemoryMarshal.GetArrayDataReference(_registers), mask = ref MemoryMarshal.GetArrayDataReference(_mask);
        nuint a = (nuint)(n.A * Lanes), b = (nuint)(n.B * Lanes), c = (nuint)(n.C * Lanes), d = (nuint)(n.D * Lanes);
        for (nuint i = 0; i < Lanes; i += (nuint)Vector256<uint>.Count)
        {
            Vector256<uint> result = T.Do(
                Vector256.LoadUnsafe(ref registers, a + i), Vector256.LoadUnsafe(ref registers, b + i), Vector256.LoadUnsafe(ref registers, c + i));
            Vector256.ConditionalSelect(Vector256.LoadUnsafe(ref mask, i), result, Vector256.LoadUnsafe(ref registers, d + i))
                .StoreUnsafe(ref registers, d + i);
        }
    }

    private void ApplyEach<T>(Instruction n) where T : struct, ILane
    {
        ReadOnlySpan<uint> a = _registers.AsSpan(n.A * Lanes, Lanes), b = _registers.AsSpan(n.B * Lanes, Lanes),
            c = _registers.AsSpan(n.C * Lanes, Lanes);
        Span<uint> d = _registers.AsSpan(n.D * Lanes, Lanes);
        for (int i = 0; i < Lanes; i++)
        {
            if (_mask[i] != 0)
                d[i] = T.Do(a[i], b[i], c[i]);
        }
    }

    /// <summary>What reads or writes 64-bit registers.</summary>
    private void ExecuteWide(Instruction n)
    {
        switch (n.Op)
        {
            case Op.Narrow:
                for (int i = 0; i < Lanes; i++)
                    Set(n, i, (uint)_wide[n.A * Lanes + i]);
                return;
            case Op.Equal64:
                for (int i = 0; i < Lanes; i++)
                    Set(n, i, _wide[n.A * Lanes + i] == _wide[n.B * Lanes + i] ? All : 0);
                return;
            case Op.MultiplyWide or Op.MultiplyWideUnsigned or Op.SignExtend or Op.ZeroExtend:
                ReadOnlySpan<uint> narrowA = _registers.AsSpan(n.A * Lanes, Lanes), narrowB = _registers.AsSpan(n.B * Lanes, Lanes);
                for (int i = 0; i < Lanes; i++)
                {
                    SetWide(n, i, n.Op switch
                    {
                        Op.MultiplyWide => (ulong)((long)(int)narrowA[i] * (int)narrowB[i]),
                        Op.MultiplyWideUnsigned => (ulong)narrowA[i] * narrowB[i],
                        Op.SignExtend => (ulong)(long)(int)narrowA[i],
                        _ => narrowA[i],
                    });
                }
                return;
            case Op.ShiftLeft64:
                for (int i = 0; i < Lanes; i++)
                    SetWide(n, i, _registers[n.B * Lanes + i] is var by and < 64 ? _wide[n.A * Lanes + i] << (int)by : 0);
                return;
            case Op.ShiftRight64:
                for (int i = 0; i < Lanes; i++)
                    SetWide(n, i, _registers[n.B * Lanes + i] is var by and < 64 ? _wide[n.A * Lanes + i] >> (int)by : 0);
                return;
        }
        ReadOnlySpan<ulong> a = _wide.AsSpan(n.A * Lanes, Lanes), b = _wide.AsSpan(n.B * Lanes, Lanes);
        for (int i = 0; i < Lanes; i++)
        {
            SetWide(n, i, n.Op switch
            {
                Op.Add64 => a[i] + b[i],
                Op.MultiplyLow64 => a[i] * b[i],
                Op.And64 => a[i] & b[i],
                Op.Move64 => a[i],
                _ => throw new UnreachableCase(n.Op),
            });
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Set(Instruction n, int lane, uint value)
    {
        if (_mask[lane] != 0)
            _registers[n.D * Lanes + lane] = value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SetWide(Instruction n, int lane, ulong value)
    {
        if (_mask[lane] != 0)
            _wide[n.D * Lanes + lane] = value;
    }

    private void Load(Instruction n)
    {
        Form form = n.Form;
        int size = form.Bytes * n.Targets.Length;
        for (uint left = _active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            ulong address = _wide[n.Address * Lanes + lane] + (ulong)n.Offset;
            ReadOnlySpan<byte> from = form.Space switch
            {
                Space.Global => _global.Load(address, size, n, _entry.Name),
                Space.Shared => _shared.Load(address, size, _first + lane, n, _entry.Name),
                _ => _parameters.AsSpan((int)address, size),
            };
            if (form.Targets[0] == 'd')
            {
                _wide[n.D * Lanes + lane] = form.Bytes == 8 ? MemoryMarshal.Read<ulong>(from) : (ulong)(long)MemoryMarshal.Read<int>(from);
            }
            else if (form.Bytes == 1)
            {
                _registers[n.D * Lanes + lane] = from[0];
            }
            else
            {
                for (int i = 0; i < n.Targets.Length; i++)
                    _registers[n.Targets[i] * Lanes + lane] = MemoryMarshal.Read<uint>(from[(4 * i)..]);
            }
        }
    }

    private void Store(Instruction n)
    {
        int size = n.Form.Bytes * n.Sources.Length;
        for (uint left = _active; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            ulong address = _wide[n.Address * Lanes + lane] + (ulong)n.Offset;
            Span<byte> to = n.Form.Space == Space.Global
                ? _global.Store(address, size, n, _entry.Name)
                : _shared.Store(address, size, _first + lane, n, _entry.Name);
            for (int i = 0; i < n.Sources.Length; i++)
                MemoryMarshal.Write(to[(4 * i)..], _registers[n.Sources[i] * Lanes + lane]);
        }
    }

    private sealed class UnreachableCase(Op op) : Exception($"The machine does not know {op}.");
}
