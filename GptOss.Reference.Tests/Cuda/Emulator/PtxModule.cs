using System.Globalization;
using System.Text.RegularExpressions;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>
/// The subset of PTX that our kernels are made of, read strictly: whatever is not known is refused, so that nothing is skipped that would change
/// what a card computes.
/// </summary>
internal sealed partial class PtxModule
{
    private readonly string[] _tokens;
    private readonly Dictionary<string, int> _dynamicShared = [];      // name and alignment of shared memory whose size a launch gives
    private int _at;

    private PtxModule(string text)
    {
        List<string> tokens = [];
        int at = 0;
        foreach (Match match in Token().Matches(text))
        {
            if (match.Index != at)
                throw Refused(text[at..match.Index]);
            at = match.Index + match.Length;
            if (match.Groups["token"].Success)
                tokens.Add(match.Groups["token"].Value);
        }
        if (at != text.Length)
            throw Refused(text[at..]);
        _tokens = [.. tokens];
    }

    internal Dictionary<string, Entry> Entries { get; } = [];

    /// <summary>Reads a module.</summary>
    /// <exception cref="NotSupportedException">It holds something that is not in the subset.</exception>
    internal static PtxModule Parse(string text)
    {
        PtxModule module = new(text);
        module.ReadModule();
        return module;
    }

    private void ReadModule()
    {
        Expect(".version", "7.4", ".target", "sm_75", ".address_size", "64");
        while (_at < _tokens.Length)
        {
            if (Accept(".extern"))
            {
                Expect(".shared", ".align");
                int alignment = Number();
                Expect(".b8");
                _dynamicShared.Add(Next(), alignment);
                Expect("[", "]", ";");
                continue;
            }
            Expect(".visible", ".entry");
            EntryReader reader = new(this, Next());
            Entry entry = reader.Read();
            Entries.Add(entry.Name, entry);
        }
    }

    private static NotSupportedException Refused(string what) => new($"'{what.Trim()}' is not in the subset.");

    private string Next() => _at < _tokens.Length ? _tokens[_at++] : throw new NotSupportedException("The module ends in the middle.");

    private bool Accept(string token)
    {
        if (_at >= _tokens.Length || _tokens[_at] != token)
            return false;
        _at++;
        return true;
    }

    private void Expect(params ReadOnlySpan<string> tokens)
    {
        foreach (string token in tokens)
        {
            if (Next() is var found && found != token)
                throw new NotSupportedException($"'{found}' is not in the subset; expected '{token}'.");
        }
    }

    private int Number() => int.Parse(Next(), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>Reads one kernel.</summary>
    private sealed class EntryReader(PtxModule module, string name)
    {
        private readonly Dictionary<string, (int Base, int Count, char Letter)> _registers = [];
        private readonly Dictionary<string, (int Offset, int Size)> _parameters = [];
        private readonly Dictionary<string, int> _shared = [], _labels = [];
        private readonly Dictionary<uint, int> _constants32 = [];
        private readonly Dictionary<ulong, int> _constants64 = [];
        private readonly List<Func<Instruction>> _code = [];           // once all labels are known
        private int _rows32 = Enum.GetValues<Special>().Length, _rows64, _sharedBytes, _mostThreads = Machine.MostThreads;

        internal Entry Read()
        {
            ReadParameters();
            if (module.Accept(".maxntid"))
            {
                _mostThreads = module.Number();
                module.Expect(",", "1", ",", "1");
            }
            module.Expect("{");
            while (!module.Accept("}"))
                ReadStatement();
            // A launch's own shared memory lies behind the static one.
            _sharedBytes = Aligned(_sharedBytes, 16);
            foreach (string dynamic in module._dynamicShared.Keys)
                _shared.Add(dynamic, _sharedBytes);
            Instruction[] code = [.. _code.Select(make => make())];
            if (code is not [.., { Op: Op.Return or Op.Branch, Guard: -1 }])
                throw new NotSupportedException($"{name}: it runs past its end.");
            return new(name, [.. _parameters.Values], _mostThreads, _sharedBytes, code, _rows32, _rows64, _constants32, _constants64);
        }

        private NotSupportedException Refused(string what) => new($"{name}: '{what}' is not in the subset.");

        private void ReadParameters()
        {
            module.Expect("(");
            int at = 0;
            while (!module.Accept(")"))
            {
                module.Expect(".param");
                int size = module.Next() switch { ".u32" or ".f32" => 4, ".u64" => 8, var other => throw Refused($".param {other}") };
                at = Aligned(at, size);
                _parameters.Add(module.Next(), (at, size));
                at += size;
                module.Accept(",");
            }
        }

        private void ReadStatement()
        {
            string token = module.Next();
            switch (token)
            {
                case ".reg":
                    ReadRegisters();
                    break;
                case ".shared":
                    ReadShared();
                    break;
                case ".pragma":
                    module.Expect("\"nounroll\"", ";");
                    break;
                case "@":
                    bool isNegated = module.Accept("!");
                    (char letter, int guard) = Register(module.Next());
                    if (letter != 'p')
                        throw Refused("a guard that is not a predicate");
                    ReadInstruction(module.Next(), guard, isNegated);
                    break;
                case var label when LabelName().IsMatch(label) && module.Accept(":"):
                    _labels.Add(label, _code.Count);
                    break;
                default:
                    ReadInstruction(token, -1, false);
                    break;
            }
        }

        private void ReadRegisters()
        {
            string type = module.Next(), prefix = module.Next();
            module.Expect("<");
            int count = module.Number();
            module.Expect(">", ";");
            char letter = type switch { ".pred" => 'p', ".b32" => 'r', ".f32" => 'f', ".b64" => 'd', _ => throw Refused($".reg {type}") };
            _registers.Add(prefix, (letter == 'd' ? _rows64 : _rows32, count, letter));
            if (letter == 'd')
                _rows64 += count;
            else
                _rows32 += count;
        }

        private void ReadShared()
        {
            module.Expect(".align");
            int alignment = module.Number(), size = module.Next() switch { ".f32" => 4, ".b8" => 1, var other => throw Refused($".shared {other}") };
            string variable = module.Next();
            if (module.Accept("["))
            {
                size *= module.Number();
                module.Expect("]");
            }
            module.Expect(";");
            _sharedBytes = Aligned(_sharedBytes, alignment);
            _shared.Add(variable, _sharedBytes);
            _sharedBytes += size;
        }

        private void ReadInstruction(string op, int guard, bool isNegated)
        {
            List<string> operands = [];
            while (!module.Accept(";"))
                operands.Add(module.Next());
            string text = $"{op} {string.Join(' ', operands)}";
            if (!Form.All.TryGetValue(op, out Form? form))
                throw Refused(text);
            if (guard >= 0 && form.Op != Op.Branch)
                throw Refused($"@ {text}");
            _code.Add(() => Resolve(form, text, operands, guard, isNegated));
        }

        private Instruction Resolve(Form form, string text, List<string> operands, int guard, bool isNegated)
        {
            int at = 0, address = -1, jump = -1;
            long offset = 0;
            List<int> targets = [], sources = [];
            if (form.Op == Op.Branch)
            {
                jump = operands.Count == 1 && _labels.TryGetValue(operands[0], out int label) ? label : throw Refused(text);
                return new(form, text, [], [], -1, 0, guard, isNegated, jump);
            }
            if (form.Op == Op.Store)
            {
                ReadAddress();
                Take(",");
            }
            bool isVector = form.Targets.Length > 1;
            if (isVector)
                Take("{");
            for (int i = 0; i < form.Targets.Length; i++)
            {
                if (i > 0)
                    Take(",");
                (char letter, int row) = Register(Take());
                if (!Fits(form.Targets[i], letter))
                    throw Refused(text);
                targets.Add(row);
            }
            if (isVector)
                Take("}");
            if (form.Op == Op.Load)
            {
                Take(",");
                ReadAddress();
            }
            isVector = form.Op == Op.Store && form.Sources.Length > 1;
            if (isVector)
                Take("{");
            for (int i = 0; i < form.Sources.Length; i++)
            {
                if (i > 0 || targets.Count > 0)
                    Take(",");
                sources.Add(Source(form, form.Sources[i]));
            }
            if (isVector)
                Take("}");
            if (at != operands.Count)
                throw Refused(text);
            if (form.Op == Op.Barrier && sources[0] != Constant32(0))
                throw Refused(text);
            return new(form, text, [.. targets], [.. sources], address, offset, -1, false, jump);

            string Take(string? expected = null) =>
                at < operands.Count && (expected is null || operands[at] == expected) ? operands[at++] : throw Refused(text);

            void ReadAddress()
            {
                Take("[");
                string start = Take();
                address = start[0] == '%' ? Register(start) is ('d', var row) ? row : throw Refused(text)
                    : form.Space == Space.Parameter && _parameters.TryGetValue(start, out (int Offset, int Size) parameter)
                        && parameter.Size == form.Bytes ? Constant64((ulong)parameter.Offset)
                    : form.Space == Space.Shared && _shared.TryGetValue(start, out int variable) ? Constant64((ulong)variable)
                    : throw Refused(text);
                if (start[0] == '%' && form.Space == Space.Parameter)
                    throw Refused(text);
                if (operands[at] == "+")
                {
                    at++;
                    bool isMinus = operands[at] == "-";
                    at += isMinus ? 1 : 0;
                    offset = long.Parse(Take(), NumberStyles.None, CultureInfo.InvariantCulture) * (isMinus ? -1 : 1);
                }
                Take("]");
            }

            int Source(Form form, char expected)
            {
                string operand = Take();
                if (operand[0] == '%')
                {
                    if (form.Name == "mov.u32" && SpecialOf(operand) is { } special)
                        return (int)special;
                    (char letter, int row) = Register(operand);
                    return Fits(expected, letter) ? row : throw Refused(text);
                }
                if (form.Name == "mov.u64" && _shared.TryGetValue(operand, out int variable))
                    return Constant64((ulong)variable);
                if (expected == 'f' && operand.StartsWith("0f", StringComparison.Ordinal) && operand.Length == 10)
                    return Constant32(uint.Parse(operand.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                bool isMinus = operand == "-";
                if (!ulong.TryParse(isMinus ? Take() : operand, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
                    throw Refused(text);
                value = isMinus ? 0 - value : value;
                return expected switch
                {
                    'd' => Constant64(value),
                    'r' when (long)value is >= int.MinValue and <= uint.MaxValue => Constant32((uint)value),
                    'p' => Constant32(value == 0 ? 0 : uint.MaxValue),
                    _ => throw Refused(text),
                };
            }
        }

        private static bool Fits(char expected, char letter) => expected == letter || (expected == 'w' && letter is 'r' or 'f');

        private static Special? SpecialOf(string register) => register switch
        {
            "%tid.x" => Special.ThreadX,
            "%ntid.x" => Special.ThreadsX,
            "%ctaid.x" => Special.BlockX,
            "%ctaid.y" => Special.BlockY,
            "%ctaid.z" => Special.BlockZ,
            _ => null,
        };

        private (char Letter, int Row) Register(string register)
        {
            Match match = RegisterName().Match(register);
            return match.Success && _registers.TryGetValue(match.Groups["prefix"].Value, out (int Base, int Count, char Letter) file)
                && int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture) is var number && number < file.Count
                ? (file.Letter, file.Base + number)
                : throw Refused(register);
        }

        private int Constant32(uint value) => _constants32.TryGetValue(value, out int row) ? row : _constants32[value] = _rows32++;

        private int Constant64(ulong value) => _constants64.TryGetValue(value, out int row) ? row : _constants64[value] = _rows64++;

        private static int Aligned(int at, int alignment) => (at + alignment - 1) / alignment * alignment;
    }

    [GeneratedRegex(@"\s+|//[^\n]*|(?<token>""[^""\n]*""|(?:[\w.$%]|::)+|[{}()\[\],;:@!<>+\-])")]
    private static partial Regex Token();

    [GeneratedRegex(@"^\$?L\w+$")]
    private static partial Regex LabelName();

    [GeneratedRegex(@"^(?<prefix>%[a-z]+)(?<number>\d{1,6})$")]
    private static partial Regex RegisterName();
}
