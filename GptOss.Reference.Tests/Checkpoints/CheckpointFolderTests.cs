using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints;

public sealed class CheckpointFolderTests : IDisposable
{
    private const string Original = "{}";
    private const string HuggingFace = """{"model_type": "gpt_oss"}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_with_an_index_is_in_transformers_layout()
    {
        _folder.Write("config.json", HuggingFace);
        _folder.Write("model.safetensors.index.json", """{"weight_map": {"a": "model-00000-of-00000.safetensors"}}""");
        CheckpointFolder found = Resolve(_folder.Path);
        Assert.Equal((CheckpointLayout.HuggingFace, _folder.File("model.safetensors.index.json")), (found.Layout, found.IndexPath));
    }

    [Fact]
    public void A_model_type_makes_it_transformers_layout_and_one_file_needs_no_index()
    {
        _folder.Write("config.json", HuggingFace);
        _folder.Write("model.safetensors", "");
        CheckpointFolder found = Resolve(_folder.Path);
        Assert.Equal((CheckpointLayout.HuggingFace, null), (found.Layout, found.IndexPath));
        Assert.Equal([_folder.File("model.safetensors")], found.FilePaths);
    }

    [Fact]
    public void A_configuration_beside_safetensors_is_the_original_layout()
    {
        _folder.Write("config.json", Original);
        _folder.Write("model--00002-of-00002.safetensors", "");
        _folder.Write("model--00001-of-00002.safetensors", "");
        _folder.Write(".model.safetensors.tmp", "");
        _folder.Write(".hidden.safetensors", "");
        CheckpointFolder found = Resolve(_folder.Path);
        Assert.Equal(CheckpointLayout.Original, found.Layout);
        Assert.Equal([_folder.File("model--00001-of-00002.safetensors"), _folder.File("model--00002-of-00002.safetensors")], found.FilePaths);
    }

    [Fact]
    public void Else_the_folder_named_original_inside_it_is_taken()
    {
        _folder.Write("original/config.json", Original);
        _folder.Write("original/model.safetensors", "");
        Assert.Equal(_folder.File("original"), Resolve(_folder.Path).FolderPath);
        // A partial download of the other layout does not stand in its way.
        _folder.Write("config.json", HuggingFace);
        CheckpointFolder found = Resolve(_folder.Path);
        Assert.Equal((_folder.File("original"), CheckpointLayout.Original), (found.FolderPath, found.Layout));
        Assert.Equal([$"{_folder.Path} is incomplete in the transformers layout; using original/ inside it."], found.Notices);
        _folder.Write("model.safetensors", "");
        Assert.Equal(CheckpointLayout.HuggingFace, Resolve(_folder.Path).Layout);
    }

    [Fact]
    public void One_file_is_that_file_alone_unless_it_is_a_shard()
    {
        _folder.Write("config.json", Original);
        string a = _folder.Write("a.safetensors", ""), shard = _folder.Write("model--00001-of-00002.safetensors", "");
        Assert.Equal([a], Resolve(a).FilePaths);
        Assert.Equal([a, shard], Resolve(shard).FilePaths);
        Assert.Equal([a, shard], Resolve(_folder.File("config.json")).FilePaths);
    }

    [Fact]
    public void What_is_no_checkpoint_is_refused_with_what_to_do()
    {
        string name = Path.GetFileName(_folder.Path);
        Refused(_folder.Path, $"{name}: the folder is empty; give the folder of a gpt-oss checkpoint.");
        _folder.Write("notes.txt", "");
        Refused(_folder.Path, $"{name}: the folder holds no safetensors files; give the folder of a gpt-oss checkpoint.");
        _folder.Write("pytorch_model.bin", "");
        Refused(_folder.Path, $"{name}: the folder holds PyTorch .bin files but no safetensors; convert them with the safetensors package first.");
        string gguf = _folder.Write("model.gguf", "GGUF\u0003\0\0\0");
        Assert.Equal((CheckpointLayout.Gguf, gguf), (Resolve(_folder.Path).Layout, Resolve(_folder.Path).FilePaths[0]));
        string other = _folder.Write("other-00001-of-00002.gguf", "GGUF\u0003\0\0\0");
        _folder.Write("other-00002-of-00002.gguf", "GGUF\u0003\0\0\0");
        _folder.Write("mmproj-model.gguf", "GGUF\u0003\0\0\0");
        _folder.Write("text.gguf", "no model");
        Refused(_folder.Path, $"{name}: the folder holds 2 GGUF models; give one of them: model.gguf, other-00001-of-00002.gguf.");
        Assert.Equal(other, Resolve(other).FilePaths[0]);
        Refused(_folder.File("notes.txt"), "notes.txt: the name does not end in .safetensors; give a safetensors file or the folder that holds it.");
        string alone = _folder.Write("alone.safetensors", "");
        Refused(alone, "alone.safetensors: there is no config.json beside the file; it says what shape the tensors have.");
        Refused(_folder.Path, $"{name}: the folder has safetensors files but no config.json, which says what shape they have.");
        _folder.Write("config.json", HuggingFace);
        Refused(_folder.Path, $"{name}: the folder has neither model.safetensors.index.json nor model.safetensors; "
            + "expected one of them beside a config.json with model_type.");
        Refused(_folder.File("none/at/all"), $"all: no such folder or file: {_folder.File("none/at/all")}; "
            + "give a folder, a .safetensors or .gguf file, or a hub name such as openai/gpt-oss-20b.");
        Refused("openai/gpt-oss-20b", $"gpt-oss-20b: no such folder, and no model 'openai/gpt-oss-20b' in the Hugging Face cache at {_folder.File("hub")}; "
            + "download it with 'hf download openai/gpt-oss-20b' or give a folder.");
    }

    [Fact]
    public void A_hub_name_leads_to_the_snapshot_of_its_main_branch()
    {
        _folder.Write("hub/models--openai--gpt-oss-20b/refs/main", "6cee5e81\n");
        Refused("openai/gpt-oss-20b", $"gpt-oss-20b: no such folder, and no model 'openai/gpt-oss-20b' in the Hugging Face cache at {_folder.File("hub")}; "
            + "download it with 'hf download openai/gpt-oss-20b' or give a folder.");
        _folder.Write("hub/models--openai--gpt-oss-20b/snapshots/6cee5e81/original/config.json", Original);
        _folder.Write("hub/models--openai--gpt-oss-20b/snapshots/6cee5e81/original/model.safetensors", "");
        Assert.Equal(_folder.File("hub/models--openai--gpt-oss-20b/snapshots/6cee5e81/original"), Resolve("openai/gpt-oss-20b").FolderPath);
    }

    [Fact]
    public void A_model_of_the_cache_is_found_without_its_owner()
    {
        Download("openai/gpt-oss-20b");
        Assert.Equal(_folder.File("hub/models--openai--gpt-oss-20b/snapshots/1/original"), Resolve("gpt-oss-20b").FolderPath);
        Download("unsloth/gpt-oss-20b");
        Assert.Equal(_folder.File("hub/models--openai--gpt-oss-20b/snapshots/1/original"), Resolve("gpt-oss-20b").FolderPath);
        Download("a/tune");
        Assert.Equal(_folder.File("hub/models--a--tune/snapshots/1/original"), Resolve("tune").FolderPath);
        Download("b/tune");
        Refused("tune", "tune: the Hugging Face cache holds a/tune and b/tune; give the owner too.");
    }

    [Fact]
    public void A_download_that_has_not_finished_is_told_by_what_it_lacks()
    {
        const string snapshot = "hub/models--openai--gpt-oss-20b/snapshots/1";
        _folder.Write("hub/models--openai--gpt-oss-20b/refs/main", "1");
        _folder.Write($"{snapshot}/README.md", "");
        Lacks("config.json");
        _folder.Write($"{snapshot}/config.json", HuggingFace);
        Lacks("its weights: neither model.safetensors.index.json with its files nor original/ is there");
        _folder.Write($"{snapshot}/model.safetensors.index.json", """{"weight_map": {"a": "model-00000-of-00001.safetensors", "b": "model-00001-of-00001.safetensors"}}""");
        _folder.Write($"{snapshot}/model-00000-of-00001.safetensors", "");
        Lacks("model-00001-of-00001.safetensors");
        _folder.Write($"{snapshot}/original/config.json", Original);
        Lacks("original/*.safetensors");
        _folder.Write($"{snapshot}/original/model.safetensors", "");
        Assert.Equal(_folder.File($"{snapshot}/original"), Resolve("gpt-oss-20b").FolderPath);

        void Lacks(string what) => Refused("gpt-oss-20b", $"gpt-oss-20b: the snapshot in the Hugging Face cache lacks {what}; "
            + $"finish it with 'hf download openai/gpt-oss-20b' ({_folder.File(snapshot)}).");
    }

    [Theory]
    [InlineData("ollama:gpt-oss:20b", "registry.ollama.ai/library/gpt-oss/20b")]
    [InlineData("ollama:gpt-oss", "registry.ollama.ai/library/gpt-oss/latest")]
    [InlineData("ollama:me/tune:v1", "registry.ollama.ai/me/tune/v1")]
    [InlineData("ollama:hub.example.org/me/tune:v1", "hub.example.org/me/tune/v1")]
    public void A_name_of_Ollama_s_leads_through_its_manifest_to_a_file_without_an_ending(string asked, string manifest)
    {
        string digest = new('a', 64);
        _folder.Write($"manifests/{manifest}", $$"""
            {"layers": [{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:{{new string('b', 64)}}"},
                        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:{{digest}}"}]}
            """);
        Assert.Equal(_folder.File($"blobs/sha256-{digest}"), OllamaStore.Find(asked, [_folder.File("none"), _folder.Path]));
        string blob = _folder.Write($"blobs/sha256-{digest}", "GGUF\u0003\0\0\0");
        Assert.Equal(CheckpointLayout.Gguf, Resolve(blob).Layout);
    }

    [Theory]
    [InlineData("ollama:gpt-oss:120b", "120b: Ollama has no model 'gpt-oss:120b' in FOLDER; get it with 'ollama pull', or set OLLAMA_MODELS.")]
    [InlineData("ollama:../../etc/passwd", "passwd: ollama:../../etc/passwd is not a name of Ollama's; expected one such as ollama:gpt-oss:20b.")]
    [InlineData("ollama:", "ollama:: ollama: is not a name of Ollama's; expected one such as ollama:gpt-oss:20b.")]
    [InlineData("ollama:broken:1", "1: the manifest has no layer of type application/vnd.ollama.image.model with a sha256 digest.")]
    public void A_name_that_Ollama_does_not_have_is_refused(string asked, string message)
    {
        _folder.Write("manifests/registry.ollama.ai/library/broken/1", """{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../etc"}]}""");
        var e = Assert.Throws<CheckpointFormatException>(() => OllamaStore.Find(asked, [_folder.Path]));
        Assert.EndsWith(message.Replace("FOLDER", _folder.Path, StringComparison.Ordinal)[3..], e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../../etc", "'../../../etc'")]
    [InlineData("..", "'..'")]
    [InlineData("", "''")]
    [InlineData("a\\b", "'a\\b'")]
    [InlineData("C:", "'C:'")]
    public void A_reference_that_is_no_revision_is_refused(string content, string shown)
    {
        _folder.Write("hub/models--o--m/refs/main", content);
        Refused("o/m", $"main: the reference holds {shown}; expected a revision of letters and digits.");
    }

    [Theory]
    [InlineData("HF_HUB_CACHE=/a;HF_HOME=/b", "/a")]
    [InlineData("HUGGINGFACE_HUB_CACHE=~/c;HF_HOME=/b", "/home/me/c")]
    [InlineData("HF_HOME=/b;XDG_CACHE_HOME=/x", "/b/hub")]
    [InlineData("XDG_CACHE_HOME=/x;HF_HOME=", "/x/huggingface/hub")]
    [InlineData("", "/home/me/.cache/huggingface/hub")]
    public void The_cache_is_where_huggingface_hub_puts_it(string variables, string folder)
    {
        var set = variables.Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        set["HOME"] = "/home/me";
        Assert.Equal(folder, HuggingFaceCache.FolderFrom(set.GetValueOrDefault).Replace('\\', '/'));
    }

    [Theory]
    [InlineData("openai/gpt-oss-20b", true)]
    [InlineData("gpt-oss-20b", false)]
    [InlineData("a/b/c", false)]
    [InlineData("../gpt-oss", false)]
    [InlineData("openai/..", false)]
    [InlineData("openai/", false)]
    [InlineData("o pen/ai", false)]
    public void A_hub_name_is_an_owner_and_a_model(string text, bool isHubName) => Assert.Equal(isHubName, HuggingFaceCache.IsHubName(text));

    private void Download(string hubName)
    {
        string model = $"hub/models--{hubName.Replace("/", "--", StringComparison.Ordinal)}";
        _folder.Write($"{model}/refs/main", "1");
        _folder.Write($"{model}/snapshots/1/original/config.json", Original);
        _folder.Write($"{model}/snapshots/1/original/model.safetensors", "");
    }

    private CheckpointFolder Resolve(string asked) => CheckpointFolder.Resolve(asked, _folder.File("hub"));

    private void Refused(string asked, string message) =>
        Assert.Equal(message, Assert.Throws<CheckpointFormatException>(() => Resolve(asked)).Message);
}
