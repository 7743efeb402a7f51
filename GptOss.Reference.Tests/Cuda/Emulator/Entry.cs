namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>
/// One instruction, operands resolved to rows: a row is one register of all 32 threads. Constants and special registers are rows too.
/// </summary>
/// <param name="Form">Which one.</param>
/// <param name="Text">As the module has it.</param>
/// <param name="Targets">Rows of the 32-bit or, for 64-bit types, of the 64-bit registers.</param>
/// <param name="Sources">The same; of a load or a store without the address.</param>
/// <param name="Address">Row of the 64-bit registers that a load or a store is relative to.</param>
/// <param name="Offset">What is added to it.</param>
/// <param name="Guard">Row of the predicate of a branch, or −1.</param>
/// <param name="IsGuardNegated">Whether the branch is taken where the predicate is false.</param>
/// <param name="Jump">Where a branch goes.</param>
internal sealed record Instruction(
    Form Form, string Text, int[] Targets, int[] Sources, int Address, long Offset, int Guard, bool IsGuardNegated, int Jump)
{
    internal Op Op => Form.Op;

    // The three sources with the last one repeated, so that every operation has three.
    internal readonly int A = Sources.Length > 0 ? Sources[0] : 0;
    internal readonly int B = Sources.Length > 1 ? Sources[1] : Sources.Length > 0 ? Sources[^1] : 0;
    internal readonly int C = Sources.Length > 2 ? Sources[2] : Sources.Length > 0 ? Sources[^1] : 0;
    internal readonly int D = Targets.Length > 0 ? Targets[0] : 0;
}

/// <summary>The special registers, in the order of the first rows of 32-bit registers.</summary>
internal enum Special
{
    ThreadX, ThreadsX, BlockX, BlockY, BlockZ,
}

/// <summary>A kernel.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Offset and size of each.</param>
/// <param name="MostThreads">Of a block.</param>
/// <param name="SharedBytes">Static shared memory.</param>
/// <param name="Code">The instructions.</param>
/// <param name="Rows32">Rows of 32-bit registers, those of <see cref="Special"/> first.</param>
/// <param name="Rows64">Rows of 64-bit registers.</param>
/// <param name="Constants32">Rows that hold one value from the start.</param>
/// <param name="Constants64">The same of 64 bits.</param>
internal sealed record Entry(
    string Name, IReadOnlyList<(int Offset, int Size)> Parameters, int MostThreads, int SharedBytes, IReadOnlyList<Instruction> Code, int Rows32,
    int Rows64, IReadOnlyDictionary<uint, int> Constants32, IReadOnlyDictionary<ulong, int> Constants64);
