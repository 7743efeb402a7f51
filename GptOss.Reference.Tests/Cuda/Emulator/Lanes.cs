using System.Runtime.Intrinsics;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>A 32-bit operation on eight of the threads. Predicates are all ones or all zeros.</summary>
internal interface ILanes
{
    static abstract Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c);
}

internal readonly struct AddFloat : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => (a.AsSingle() + b.AsSingle()).AsUInt32();
}

internal readonly struct SubtractFloat : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => (a.AsSingle() - b.AsSingle()).AsUInt32();
}

internal readonly struct MultiplyFloat : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => (a.AsSingle() * b.AsSingle()).AsUInt32();
}

internal readonly struct FusedMultiplyAdd : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) =>
        Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).AsUInt32();
}

internal readonly struct DivideFloat : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => (a.AsSingle() / b.AsSingle()).AsUInt32();
}

internal readonly struct Reciprocal : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => (Vector256<float>.One / a.AsSingle()).AsUInt32();
}

internal readonly struct SquareRoot : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.Sqrt(a.AsSingle()).AsUInt32();
}

internal readonly struct NegateFloat : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a ^ Vector256.Create(0x8000_0000u);
}

internal readonly struct FloatOfInt : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.ConvertToSingle(a.AsInt32()).AsUInt32();
}

internal readonly struct FloatLess : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) =>
        Vector256.LessThan(a.AsSingle(), b.AsSingle()).AsUInt32();
}

internal readonly struct FloatGreater : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) =>
        Vector256.GreaterThan(a.AsSingle(), b.AsSingle()).AsUInt32();
}

internal readonly struct FloatOrdered : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) =>
        (Vector256.Equals(a.AsSingle(), a.AsSingle()) & Vector256.Equals(b.AsSingle(), b.AsSingle())).AsUInt32();
}

internal readonly struct FloatUnordered : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => ~FloatOrdered.Do(a, b, c);
}

internal readonly struct Add : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a + b;
}

internal readonly struct Subtract : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a - b;
}

internal readonly struct MultiplyLow : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a * b;
}

internal readonly struct MultiplyAdd : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a * b + c;
}

internal readonly struct Minimum : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.Min(a.AsInt32(), b.AsInt32()).AsUInt32();
}

internal readonly struct MinimumUnsigned : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.Min(a, b);
}

internal readonly struct Negate : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256<uint>.Zero - a;
}

internal readonly struct And : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a & b;
}

internal readonly struct Or : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a | b;
}

internal readonly struct Xor : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a ^ b;
}

internal readonly struct Not : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => ~a;
}

internal readonly struct Less : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) =>
        Vector256.LessThan(a.AsInt32(), b.AsInt32()).AsUInt32();
}

internal readonly struct LessEqual : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) =>
        Vector256.LessThanOrEqual(a.AsInt32(), b.AsInt32()).AsUInt32();
}

internal readonly struct LessUnsigned : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.LessThan(a, b);
}

internal readonly struct GreaterUnsigned : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => LessUnsigned.Do(b, a, c);
}

internal readonly struct Equal : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.Equals(a, b);
}

internal readonly struct NotEqual : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => ~Vector256.Equals(a, b);
}

internal readonly struct Greater : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Less.Do(b, a, c);
}

internal readonly struct GreaterEqual : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => LessEqual.Do(b, a, c);
}

internal readonly struct Select : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => Vector256.ConditionalSelect(c, a, b);
}

internal readonly struct Move : ILanes
{
    public static Vector256<uint> Do(Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) => a;
}

/// <summary>A 32-bit operation on one thread, where vectors have none.</summary>
internal interface ILane
{
    static abstract uint Do(uint a, uint b, uint c);
}

internal readonly struct ShiftLeft : ILane
{
    public static uint Do(uint a, uint b, uint c) => b > 31 ? 0 : a << (int)b;
}

internal readonly struct ShiftRight : ILane
{
    public static uint Do(uint a, uint b, uint c) => b > 31 ? 0 : a >> (int)b;
}

internal readonly struct ShiftRightSigned : ILane
{
    public static uint Do(uint a, uint b, uint c) => (uint)((int)a >> (int)Math.Min(b, 31));
}

internal readonly struct ExtractBits : ILane
{
    public static uint Do(uint a, uint b, uint c) =>
        (b &= 255) > 31 ? 0 : (uint)((a >> (int)b) & ((1ul << (int)Math.Min(c & 255, 32)) - 1));
}

internal readonly struct Divide : ILane
{
    public static uint Do(uint a, uint b, uint c) => (uint)((int)a / (int)b);
}

internal readonly struct Remainder : ILane
{
    public static uint Do(uint a, uint b, uint c) => (uint)((int)a % (int)b);
}
