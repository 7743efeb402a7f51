using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Ground;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints;

/// <summary>Damaged and odd GGUF files: at least one for each rule of the format, as edits of sound ones.</summary>
public sealed class GgufHostileTests : IDisposable
{
    private static readonly string Folder = Path.Combine(TestData.Root, "gguf", "hostile");
    private static readonly Dictionary<string, JsonElement> Cases = Read();
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Names => [.. Cases.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Names))]
    public void A_file_is_answered_as_recorded(string name)
    {
        JsonElement what = Cases[name];
        string path = Write(what), expect = what.GetProperty("expect").GetString()!;
        if (expect == "refuse")
        {
            RequireSentence(what, Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path)));
            return;
        }
        using var checkpoint = Checkpoint.Open(path);
        if (expect == "check")
            RequireSentence(what, Assert.Throws<CheckpointFormatException>(() => checkpoint.RequireNumbers()));
        else
            Assert.True(checkpoint.RequireNumbers() > 0);
    }

    [Fact]
    public void A_file_damaged_at_random_is_read_or_refused()
    {
        byte[] sound = File.ReadAllBytes(Path.Combine(Folder, "micro.gguf"));
        int frontBytes = 12_000;                       // pairs and infos; damage to weights is only other weights
        for (int seed = 0; seed < 1500; seed++)
        {
            var random = new Random(seed);
            byte[] damaged = [.. sound];
            for (int times = random.Next(1, 4); times > 0; times--)
                damaged[random.Next(frontBytes)] = random.Next(4) switch { 0 => 0, 1 => 255, 2 => (byte)random.Next(4), _ => (byte)random.Next(256) };
            if (random.Next(8) == 0)
                damaged = damaged[..random.Next(damaged.Length)];
            string path = _folder.File("damaged.gguf");
            File.WriteAllBytes(path, damaged);
            try
            {
                using var checkpoint = Checkpoint.Open(path);
                checkpoint.RequireNumbers();
                Assert.All(checkpoint.Tensors, tensor => Assert.InRange(checkpoint.Part(tensor, 0, 1).Length, 1, 1));
            }
            catch (CheckpointFormatException e)
            {
                Assert.InRange(e.Message.Length, 1, 2000);
                Assert.DoesNotContain(e.Message, char.IsControl);
            }
        }
    }

    private static void RequireSentence(JsonElement what, CheckpointFormatException e)
    {
        Assert.DoesNotContain(e.Message, char.IsControl);
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
        Assert.True(
            what.GetProperty("says").EnumerateArray().Any(word => e.Message.Contains(word.GetString()!, StringComparison.OrdinalIgnoreCase)),
            $"'{e.Message}' says none of {what.GetProperty("says")}");
    }

    private string Write(JsonElement what)
    {
        if (!what.TryGetProperty("files", out JsonElement files))
            return Write("case.gguf", what);
        string? first = null;
        foreach (JsonProperty file in files.EnumerateObject())
        {
            first ??= _folder.File(file.Name);
            if (file.Value.ValueKind != JsonValueKind.Null)
                Write(file.Name, file.Value);
        }
        return first!;
    }

    private string Write(string name, JsonElement edited)
    {
        var bytes = new List<byte>(File.ReadAllBytes(Path.Combine(Folder, edited.GetProperty("base").GetString()!)));
        foreach (JsonElement edit in edited.GetProperty("edits").EnumerateArray())
        {
            int at = edit.GetProperty("at").GetInt32();
            byte[] insert = Hex(edit, "insert"), repeat = Hex(edit, "repeat");
            bytes.RemoveRange(at, edit.GetProperty("remove").GetInt32());
            int times = edit.TryGetProperty("times", out JsonElement given) ? given.GetInt32() : 0;
            bytes.InsertRange(at, [.. insert, .. Enumerable.Repeat(repeat, times).SelectMany(part => part), .. Hex(edit, "then")]);
        }
        string path = _folder.File(name);
        File.WriteAllBytes(path, [.. bytes]);
        return path;
    }

    private static byte[] Hex(JsonElement edit, string name) =>
        edit.TryGetProperty(name, out JsonElement hex) ? Convert.FromHexString(hex.GetString()!) : [];

    private static Dictionary<string, JsonElement> Read()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "cases.json")));
        return document.RootElement.EnumerateArray().ToDictionary(what => what.GetProperty("name").GetString()!, what => what.Clone());
    }
}
