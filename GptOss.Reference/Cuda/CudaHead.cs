using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Cuda;

/// <summary>Final norm and unembedding on the card: what <see cref="HostHead"/> is on the processor.</summary>
internal sealed class CudaHead : Head
{
    private readonly CudaModel _model;
    private readonly GptOssConfig _config;
    private readonly ulong _norm;
    private readonly DeviceMatrix _unembedding;

    /// <summary>Puts its weights on the card.</summary>
    internal CudaHead(CudaModel model, ModelWeights weights, GptOssConfig config)
    {
        (_model, _config) = (model, config);
        _norm = model.Memory.Keep(weights.Norm);
        _unembedding = model.Memory.Keep("the unembedding", [weights.Unembedding], []);
    }

    /// <inheritdoc/>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Rows logits, ref TObserver observer)
    {
        residual.OnDevice(_model);
        (WorkMemory work, int hidden, int wanted) = (_model.Work, _config.HiddenSize, chunk.Wanted.Length);
        ulong row = sizeof(float) * (ulong)hidden, last = work.T, normed = work.Outputs;
        for (int i = 0; i < wanted; i++)
            _model.Gpu.Copy(work.X + row * (ulong)chunk.Wanted[i], last + row * (ulong)i, (int)row);
        _model.Kernels.RmsNorm(last, _norm, normed, wanted, hidden, _config.RmsNormEps);
        if (TObserver.IsActive)
        {
            Rows shown = _model.Stages.Download(normed, wanted, hidden);
            chunk.ShowWanted(Stage.Norm, shown, ref observer);
            _model.Stages.Upload(shown, normed);
        }
        for (int first = 0; first < wanted; first += WorkMemory.HeadTokens)
        {
            int count = Math.Min(WorkMemory.HeadTokens, wanted - first);
            _model.Kernels.Linear(normed + row * (ulong)first, _unembedding, work.Logits, count);
            StageRows.Download(_model.Gpu, work.Logits, logits.Slice(first, count));
        }
        chunk.ShowWanted(Stage.Logits, logits, ref observer);
    }
}
