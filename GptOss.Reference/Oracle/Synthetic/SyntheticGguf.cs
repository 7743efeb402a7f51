using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Gguf;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Synthetic;

/// <summary>
/// Writes the weights of <see cref="SyntheticCheckpoint"/> as one GGUF file that llama.cpp loads too: MXFP4 experts, float32 vectors and router, and
/// dense matrices as they are or rounded to Q8_0, as most published files have them.
/// </summary>
internal static class SyntheticGguf
{
    /// <summary>The file's name in its folder.</summary>
    internal const string FileName = "model.gguf";

    private const int Block = 32, PublishedBytes = 16;           // weights of an MXFP4 block; bytes of their codes
    private const int EvenCodes = 0x0F, OddCodes = 0xF0;

    /// <summary>The file of a configuration.</summary>
    /// <param name="configJson">A configuration in either dialect.</param>
    /// <param name="dense">How the dense matrices are stored.</param>
    /// <exception cref="CheckpointFormatException">The configuration is not possible, or not in a GGUF file.</exception>
    internal static Plan PlanFor(string configJson, DenseType dense)
    {
        GptOssConfig config = SyntheticCheckpoint.Check(ref configJson);
        return new Plan(config, dense);
    }

    /// <summary>What a file will hold.</summary>
    internal sealed class Plan
    {
        private readonly GptOssConfig _config;
        private readonly byte[] _start;
        private readonly Content[] _contents;

        internal Plan(GptOssConfig config, DenseType dense)
        {
            _config = config;
            var writer = new GgufWriter();
            GgufMetadataWriter.AddConfig(writer, config, SyntheticCheckpoint.ConfigName);
            writer.Add("general.name", "synthetic");
            writer.Add("general.file_type", dense == DenseType.Q8_0 ? 38 : 32);    // llama.cpp's MOSTLY_MXFP4_MOE and MOSTLY_BF16
            GgufMetadataWriter.AddVocabulary(writer, config.VocabSize, SyntheticCheckpoint.ConfigName);
            GgufType matrix = dense == DenseType.Q8_0 ? GgufType.Q8_0 : GgufType.BF16;
            var contents = new List<Content>();
            foreach ((string name, string original, bool isMatrix, long[] dimensions) in GgufTensors.Inventory(config))
            {
                GgufType type = !isMatrix || name.Contains("ffn_gate_inp", StringComparison.Ordinal) ? GgufType.F32
                    : name.Contains("_exps", StringComparison.Ordinal) ? GgufType.Mxfp4 : matrix;
                writer.AddTensor(name, type, dimensions);
                contents.Add(new Content(writer.Tensors[^1], original, isMatrix ? dimensions[0] : 1, FirstRow(name, config), Stride(name)));
            }
            _start = writer.Start();
            _contents = [.. contents];
            Bytes = _start.Length + writer.DataBytes;
        }

        /// <summary>Bytes of the file.</summary>
        internal long Bytes { get; }

        /// <summary>Writes <see cref="FileName"/>; parameters and faults as with <see cref="SyntheticCheckpoint.Write"/>.</summary>
        internal void Write(string folder, ulong seed, bool force = false, IProgress<long>? progress = null, CancellationToken cancellation = default)
        {
            var source = new SyntheticTensor.Source(_config, seed);
            SyntheticFile.Write(Path.Combine(folder, FileName), Bytes, _start, _contents.SelectMany(content => content.Chunks(source, _start.Length)),
                force, progress, cancellation);
        }

        // Rows q, k, v of one matrix, and the rows of gate and up of another, alternating.
        private static long FirstRow(string name, GptOssConfig config) =>
            name.Contains("attn_k.", StringComparison.Ordinal) ? config.QuerySize
            : name.Contains("attn_v.", StringComparison.Ordinal) ? config.QuerySize + config.KeyValueSize
            : name.Contains("ffn_up_exps", StringComparison.Ordinal) ? 1 : 0;

        private static int Stride(string name) =>
            name.Contains("ffn_gate_exps", StringComparison.Ordinal) || name.Contains("ffn_up_exps", StringComparison.Ordinal) ? 2 : 1;
    }

    /// <summary>A tensor of the file: rows of one of the original layout.</summary>
    /// <param name="Stored">Where it goes.</param>
    /// <param name="Original">Name of the other; without an ending where that has blocks and scales.</param>
    /// <param name="Columns">Weights of a row.</param>
    /// <param name="First">Row of the original that is row 0 here.</param>
    /// <param name="Stride">Rows of the original from one row here to the next.</param>
    private sealed record Content(GgufTensor Stored, string Original, long Columns, long First, int Stride)
    {
        internal IEnumerable<SyntheticFile.Chunk> Chunks(SyntheticTensor.Source source, long dataStart)
        {
            bool isMxfp4 = Stored.Type == GgufType.Mxfp4;
            SyntheticTensor codes = source.Tensor(isMxfp4 ? Original + ".blocks" : Original);
            SyntheticTensor? scales = isMxfp4 ? source.Tensor(Original + ".scales") : null;
            long rowBytes = Columns / Stored.Type.BlockWeights * Stored.Type.BlockBytes, rows = Stored.ByteCount / rowBytes;
            long atOnce = Math.Max(1, SyntheticFile.ChunkBytes / rowBytes);
            for (long row = 0; row < rows; row += atOnce)
            {
                long first = row, count = Math.Min(atOnce, rows - row);
                yield return new(dataStart + Stored.Offset + row * rowBytes, (int)(count * rowBytes), target =>
                {
                    if (scales is not null)
                        FillMxfp4(codes, scales, first, (int)count, target);
                    else
                        FillPlain(codes, first, (int)count, target);
                });
            }
        }

        private void FillPlain(SyntheticTensor values, long row, int count, Span<byte> target)
        {
            using var source = new Rows(values, First + row * Stride, Columns * sizeof(ushort), count, Stride);
            int rowBytes = target.Length / count;
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<ushort> from = MemoryMarshal.Cast<byte, ushort>(source[i]);
                Span<byte> to = target.Slice(i * rowBytes, rowBytes);
                if (Stored.Type == GgufType.BF16)
                    MemoryMarshal.AsBytes(from).CopyTo(to);
                else if (Stored.Type == GgufType.F32)
                    Widen(from, MemoryMarshal.Cast<byte, float>(to));
                else
                    Round(from, to);
            }
        }

        private void FillMxfp4(SyntheticTensor blocks, SyntheticTensor scales, long row, int count, Span<byte> target)
        {
            long perRow = Columns / Block;
            using var codes = new Rows(blocks, First + row * Stride, perRow * PublishedBytes, count, Stride);
            using var exponents = new Rows(scales, First + row * Stride, perRow, count, Stride);
            int blockBytes = GgufType.Mxfp4.BlockBytes;
            for (int i = 0; i < count; i++)
            {
                for (int block = 0; block < perRow; block++, target = target[blockBytes..])
                {
                    target[0] = exponents[i][block];
                    Regroup(codes[i].Slice(block * PublishedBytes, PublishedBytes), target[1..blockBytes]);
                }
            }
        }
    }

    private static void Widen(ReadOnlySpan<ushort> from, Span<float> to)
    {
        for (int i = 0; i < from.Length; i++)
            to[i] = Bfloat16.ToSingle(from[i]);
    }

    private static void Round(ReadOnlySpan<ushort> from, Span<byte> to)
    {
        for (; !from.IsEmpty; from = from[Q8_0.Weights..], to = to[Q8_0.Bytes..])
        {
            Half scale = Q8_0.Round(from[..Q8_0.Weights], MemoryMarshal.Cast<byte, sbyte>(to[2..Q8_0.Bytes]));
            BinaryPrimitives.WriteHalfLittleEndian(to, scale);
        }
    }

    // Published: weights 2j and 2j + 1 in byte j. GGUF: weights j and j + 16.
    private static void Regroup(ReadOnlySpan<byte> from, Span<byte> to)
    {
        for (int j = 0; j < PublishedBytes; j += 2)
        {
            int low = from[j / 2], high = from[j / 2 + PublishedBytes / 2];
            to[j] = (byte)(low & EvenCodes | (high & EvenCodes) << 4);
            to[j + 1] = (byte)((low & OddCodes) >> 4 | high & OddCodes);
        }
    }

    /// <summary>Rows of a tensor of the original layout, made into a buffer that is lent.</summary>
    private readonly ref struct Rows : IDisposable
    {
        private readonly byte[] _lent;
        private readonly ReadOnlySpan<byte> _bytes;
        private readonly int _rowBytes, _stride;

        internal Rows(SyntheticTensor tensor, long first, long rowBytes, int count, int stride)
        {
            // Tensors are made from multiples of eight bytes on.
            long begin = first * rowBytes, end = begin + ((count - 1L) * stride + 1) * rowBytes, from = begin & ~7L;
            _lent = ArrayPool<byte>.Shared.Rent(checked((int)(end - from)));
            tensor.Fill(from, _lent.AsSpan(0, (int)(end - from)));
            _bytes = _lent.AsSpan((int)(begin - from));
            (_rowBytes, _stride) = ((int)rowBytes, stride);
        }

        internal ReadOnlySpan<byte> this[int row] => _bytes.Slice(row * _stride * _rowBytes, _rowBytes);

        public void Dispose() => ArrayPool<byte>.Shared.Return(_lent);
    }
}
