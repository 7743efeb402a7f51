namespace GptOss.Reference.Cuda;

/// <summary>The kernels as PTX 7.4 for compute capability 7.5 and later, compiled from <c>Cuda/Kernels</c>. Read only when it is asked for.</summary>
internal static class KernelImage
{
    private const string Resource = "GptOss.Reference.Cuda.kernels.ptx";

    /// <summary>The PTX text.</summary>
    internal static string Text
    {
        get
        {
            using StreamReader reader = new(typeof(KernelImage).Assembly.GetManifestResourceStream(Resource)!);
            return reader.ReadToEnd();
        }
    }
}
