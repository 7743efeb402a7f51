namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>Guesses what a file is from its first bytes, for the sentence that refuses it. Never used to accept one.</summary>
internal static class FileKind
{
    /// <summary>What the file appears to be, as "a GGUF file", with advice; null where nothing is recognised.</summary>
    internal static string? Guess(ReadOnlySpan<byte> start) =>
        start.StartsWith("GGUF"u8) ? "a GGUF file, not safetensors; open it by itself" :
        start.StartsWith("PK\u0003\u0004"u8)
            ? "a zip archive, probably a PyTorch .bin or .pt file, not safetensors; convert it with the safetensors package first" :
        start.Length > 1 && start[0] == 0x80 && start[1] is >= 2 and <= 5
            ? "a Python pickle, probably a PyTorch .bin file, not safetensors; convert it with the safetensors package first" :
        start.StartsWith("GPT-OSS v1.0"u8) ? "a Metal model file, not safetensors; give the folder of the safetensors checkpoint" :
        start.StartsWith("version https://git-lfs"u8) ? "a Git LFS pointer, not the tensors; fetch them with 'git lfs pull' or 'hf download'" :
        start.StartsWith("<!DOCTYPE"u8) || start.StartsWith("<html"u8) || start.StartsWith("<!doctype"u8)
            ? "a web page, not safetensors; the download went wrong" :
        start is [0x1f, 0x8b, ..] ? "a gzip archive, not safetensors; unpack it first" :
        null;
}
