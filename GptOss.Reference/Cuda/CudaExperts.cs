using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Cuda;

/// <summary>
/// One mixture-of-experts block on the card: what <see cref="ExpertBlock"/> is on the processor. Which experts a token meets is decided and used on
/// the card, and is copied only for an observer.
/// </summary>
internal sealed class CudaExperts : Block
{
    private readonly CudaModel _model;
    private readonly GptOssConfig _config;
    private readonly int _layer;
    private readonly RowWiseKernels _host;
    private readonly ulong _norm;
    private readonly DeviceMatrix _gate;
    private readonly DeviceExperts _up, _down;

    /// <summary>Puts the weights of a layer on the card.</summary>
    internal CudaExperts(CudaModel model, ExpertBlockWeights weights, GptOssConfig config, int layer, RowWiseKernels host)
    {
        (_model, _config, _layer, _host) = (model, config, layer, host);
        _norm = model.Memory.Keep(weights.Norm);
        _gate = model.Memory.Keep($"the router of layer {layer}", [weights.Gate], [weights.GateBias]);
        _up = model.Memory.Keep($"the first matrix of layer {layer}", weights.Mlp1, weights.Mlp1Bias[0]);
        _down = model.Memory.Keep($"the second matrix of layer {layer}", [weights.Mlp2], weights.Mlp2Bias);
    }

    /// <inheritdoc/>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Scratch scratch, ref TObserver observer)
    {
        residual.OnDevice(_model);
        (DeviceKernels kernels, WorkMemory work, StageRows stages, int count) = (_model.Kernels, _model.Work, _model.Stages, chunk.Count);
        (int hidden, int experts, int k) = (_config.HiddenSize, _config.NumExperts, _config.ExpertsPerToken);

        kernels.RmsNorm(work.X, _norm, work.T, count, hidden, _config.RmsNormEps);
        stages.Show(chunk, Stage.MlpNorm, _layer, work.T, hidden, ref observer);
        kernels.Linear(work.T, _gate, work.Router, count);
        stages.Show(chunk, Stage.Router, _layer, work.Router, experts, ref observer);
        kernels.Route(work.Router, work.Choices, work.Shares, count, experts, k);
        ShowExperts(chunk, ref observer);
        stages.Show(chunk, Stage.ExpertWeights, _layer, work.Shares, k, ref observer);

        kernels.Up(work.T, work.Choices, _up, work.Hidden, work.Groups, count, experts, k, _config.SwigluAlpha, _config.SwigluLimit);
        stages.Show(chunk, Stage.SwiGlu, _layer, work.Hidden, k * _config.IntermediateSize, ref observer);
        kernels.Down(work.Hidden, work.Choices, _down, work.Outputs, work.Groups, count, experts, k);
        stages.Show(chunk, Stage.ExpertOutputs, _layer, work.Outputs, k * hidden, ref observer);
        kernels.MixExperts(work.Outputs, work.Shares, work.X, count, hidden, k);
        stages.Show(chunk, Stage.MlpResidual, _layer, work.X, hidden, ref observer);
    }

    /// <summary>Shows the choice, which the observer may exchange, and weighs what it leaves.</summary>
    private void ShowExperts<TObserver>(Chunk chunk, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        if (!TObserver.IsActive)
            return;
        int k = _config.ExpertsPerToken;
        int[] choices = new int[chunk.Count * k];
        float[] shares = new float[choices.Length];
        _model.Gpu.Download(_model.Work.Choices, MemoryMarshal.AsBytes(choices.AsSpan()));
        Rows router = _model.Stages.Download(_model.Work.Router, chunk.Count, _config.NumExperts);
        chunk.ShowExperts(_layer, router, choices, ref observer);
        _host.Weigh(router, k, choices, shares);
        _model.Gpu.Upload(MemoryMarshal.AsBytes(choices.AsSpan()), _model.Work.Choices);
        _model.Gpu.Upload(MemoryMarshal.AsBytes(shares.AsSpan()), _model.Work.Shares);
    }
}
