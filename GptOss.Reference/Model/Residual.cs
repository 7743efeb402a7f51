using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>
/// The residual stream of a chunk, [tokens, hidden]: in this process's memory or on a device, wherever the block before left it. It is copied only
/// when the next block runs on the other side.
/// </summary>
internal sealed class Residual
{
    private readonly Scratch _rows = new();
    private int _tokens, _hidden;
    private DeviceModel? _holder;                      // null: this process

    /// <summary>Uninitialised rows in this process's memory.</summary>
    internal Rows Begin(int tokens, int hidden)
    {
        (_tokens, _hidden, _holder) = (tokens, hidden, null);
        return OnHost();
    }

    /// <summary>The rows in this process's memory, for a block that runs here.</summary>
    internal Rows OnHost()
    {
        _rows.Reset(_tokens * (long)Scratch.Stride(_hidden));
        Rows rows = _rows.Rows(_tokens, _hidden);
        _holder?.Download(rows);
        _holder = null;
        return rows;
    }

    /// <summary>Makes sure that the rows are on a device, for a block that runs there.</summary>
    internal void OnDevice(DeviceModel device)
    {
        if (_holder == device)
            return;
        device.Upload(OnHost());
        _holder = device;
    }
}
