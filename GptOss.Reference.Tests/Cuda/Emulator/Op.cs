namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>What an instruction does. Several names may do the same: a move is a move whatever its type.</summary>
internal enum Op
{
    Branch, Return, Barrier, Shuffle,
    AddFloat, SubtractFloat, MultiplyFloat, FusedMultiplyAdd, DivideFloat, Reciprocal, SquareRoot, NegateFloat, FloatOfInt,
    FloatLess, FloatGreater, FloatUnordered, FloatOrdered,
    Add, Subtract, MultiplyLow, MultiplyAdd, Divide, Remainder, Minimum, MinimumUnsigned, Negate, ExtractBits,
    And, Or, Not, Xor, ShiftLeft, ShiftRight, ShiftRightSigned,
    Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, LessUnsigned, GreaterUnsigned,
    Select, Move,
    Add64, MultiplyLow64, And64, ShiftLeft64, ShiftRight64, Move64, Equal64,
    MultiplyWide, MultiplyWideUnsigned, SignExtend, ZeroExtend, Narrow,
    Load, Store,
}

/// <summary>Where a load or store goes.</summary>
internal enum Space
{
    None, Parameter, Global, Shared,
}

/// <summary>One instruction of the subset: its name as PTX has it, and what may stand behind it.</summary>
/// <param name="Name">With all of its suffixes.</param>
/// <param name="Op">What it does.</param>
/// <param name="Targets">A letter for each target: <c>r</c> b32, <c>f</c> f32, <c>d</c> b64, <c>p</c> predicate, <c>w</c> b32 or f32.</param>
/// <param name="Sources">The same for the sources.</param>
/// <param name="Space">Of a load or a store.</param>
/// <param name="Bytes">Of one element of a load or a store.</param>
/// <param name="IsSigned">Whether a loaded element is extended by its sign.</param>
internal sealed record Form(string Name, Op Op, string Targets, string Sources, Space Space = Space.None, int Bytes = 0, bool IsSigned = false)
{
    /// <summary>
    /// All of the subset. Float arithmetic is here only with a rounding in its name, so no assembler may fuse it and none of it is approximate; there
    /// is no flush to zero, no local memory, no call.
    /// </summary>
    internal static IReadOnlyDictionary<string, Form> All { get; } = new Form[]
    {
        new("bra", Op.Branch, "", ""), new("bra.uni", Op.Branch, "", ""), new("ret", Op.Return, "", ""), new("bar.sync", Op.Barrier, "", "r"),
        new("shfl.sync.bfly.b32", Op.Shuffle, "w", "wrrr"),

        new("add.rn.f32", Op.AddFloat, "f", "ff"), new("sub.rn.f32", Op.SubtractFloat, "f", "ff"), new("mul.rn.f32", Op.MultiplyFloat, "f", "ff"),
        new("fma.rn.f32", Op.FusedMultiplyAdd, "f", "fff"), new("div.rn.f32", Op.DivideFloat, "f", "ff"), new("rcp.rn.f32", Op.Reciprocal, "f", "f"),
        new("sqrt.rn.f32", Op.SquareRoot, "f", "f"), new("neg.f32", Op.NegateFloat, "f", "f"), new("cvt.rn.f32.s32", Op.FloatOfInt, "f", "r"),
        new("setp.lt.f32", Op.FloatLess, "p", "ff"), new("setp.gt.f32", Op.FloatGreater, "p", "ff"),
        new("setp.nan.f32", Op.FloatUnordered, "p", "ff"), new("setp.num.f32", Op.FloatOrdered, "p", "ff"),

        new("add.s32", Op.Add, "r", "rr"), new("sub.s32", Op.Subtract, "r", "rr"), new("mul.lo.s32", Op.MultiplyLow, "r", "rr"),
        new("mad.lo.s32", Op.MultiplyAdd, "r", "rrr"), new("div.s32", Op.Divide, "r", "rr"), new("rem.s32", Op.Remainder, "r", "rr"),
        new("min.s32", Op.Minimum, "r", "rr"), new("min.u32", Op.MinimumUnsigned, "r", "rr"), new("neg.s32", Op.Negate, "r", "r"),
        new("bfe.u32", Op.ExtractBits, "r", "rrr"),
        new("and.b32", Op.And, "r", "rr"), new("or.b32", Op.Or, "r", "rr"), new("xor.b32", Op.Xor, "r", "rr"), new("not.b32", Op.Not, "r", "r"),
        new("shl.b32", Op.ShiftLeft, "r", "rr"), new("shr.u32", Op.ShiftRight, "r", "rr"), new("shr.s32", Op.ShiftRightSigned, "r", "rr"),
        new("and.pred", Op.And, "p", "pp"), new("or.pred", Op.Or, "p", "pp"), new("xor.pred", Op.Xor, "p", "pp"), new("not.pred", Op.Not, "p", "p"),

        new("setp.lt.s32", Op.Less, "p", "rr"), new("setp.le.s32", Op.LessEqual, "p", "rr"), new("setp.gt.s32", Op.Greater, "p", "rr"),
        new("setp.ge.s32", Op.GreaterEqual, "p", "rr"), new("setp.eq.s32", Op.Equal, "p", "rr"), new("setp.eq.b32", Op.Equal, "p", "rr"),
        new("setp.ne.s32", Op.NotEqual, "p", "rr"), new("setp.lt.u32", Op.LessUnsigned, "p", "rr"),
        new("setp.gt.u32", Op.GreaterUnsigned, "p", "rr"), new("setp.eq.s64", Op.Equal64, "p", "dd"),
        new("selp.b32", Op.Select, "r", "rrp"), new("selp.u32", Op.Select, "r", "rrp"), new("selp.f32", Op.Select, "f", "ffp"),

        new("mov.b32", Op.Move, "w", "w"), new("mov.u32", Op.Move, "r", "r"), new("mov.f32", Op.Move, "f", "f"), new("mov.pred", Op.Move, "p", "p"),
        new("mov.u64", Op.Move64, "d", "d"), new("cvta.to.global.u64", Op.Move64, "d", "d"), new("cvta.global.u64", Op.Move64, "d", "d"),

        new("add.s64", Op.Add64, "d", "dd"), new("mul.lo.s64", Op.MultiplyLow64, "d", "dd"), new("and.b64", Op.And64, "d", "dd"),
        new("shl.b64", Op.ShiftLeft64, "d", "dr"), new("shr.u64", Op.ShiftRight64, "d", "dr"),
        new("mul.wide.s32", Op.MultiplyWide, "d", "rr"), new("mul.wide.u32", Op.MultiplyWideUnsigned, "d", "rr"),
        new("cvt.s64.s32", Op.SignExtend, "d", "r"), new("cvt.u64.u32", Op.ZeroExtend, "d", "r"), new("cvt.u32.u64", Op.Narrow, "r", "d"),

        Load("ld.param.u32", "r", Space.Parameter), Load("ld.param.f32", "f", Space.Parameter), Load("ld.param.u64", "d", Space.Parameter, 8),
        Load("ld.param.s32", "d", Space.Parameter, 4, isSigned: true),
        Load("ld.global.f32", "f", Space.Global), Load("ld.global.u32", "r", Space.Global), Load("ld.global.u8", "r", Space.Global, 1),
        Load("ld.global.s32", "d", Space.Global, 4, isSigned: true), Load("ld.global.u64", "d", Space.Global, 8),
        Load("ld.global.v4.f32", "ffff", Space.Global),
        Load("ld.global.nc.L1::no_allocate.v2.u32", "rr", Space.Global),
        Load("ld.shared.f32", "f", Space.Shared), Load("ld.shared.u32", "r", Space.Shared), Load("ld.shared.v4.f32", "ffff", Space.Shared),
        Store("st.global.f32", "f", Space.Global), Store("st.global.u32", "r", Space.Global),
        Store("st.shared.f32", "f", Space.Shared), Store("st.shared.u32", "r", Space.Shared), Store("st.shared.v4.f32", "ffff", Space.Shared),
    }.ToDictionary(form => form.Name);

    private static Form Load(string name, string targets, Space space, int bytes = 4, bool isSigned = false) =>
        new(name, Op.Load, targets, "", space, bytes, isSigned);

    private static Form Store(string name, string sources, Space space) => new(name, Op.Store, "", sources, space, Bytes: 4);
}
