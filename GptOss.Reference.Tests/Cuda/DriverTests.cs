using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>The driver's calls and what a user reads when one fails, against a stub of the driver.</summary>
public class DriverTests
{
    [Fact]
    public void Without_a_driver_one_sentence_says_so() => Assert.Equal(
        "There is no NVIDIA driver on this machine (/no/libcuda.so.1 was not found).",
        Assert.Throws<DeviceException>(() => new Driver("/no/libcuda.so.1")).Message);

    [Theory]
    [InlineData("OLD", "The NVIDIA driver is too old: it has no cuGetErrorString; CUDA 12.0 or later (driver 525) is needed.")]
    [InlineData("VERSION=11080", "The NVIDIA driver offers CUDA 11.8; 12.0 or later (driver 525) is needed.")]
    [InlineData("COUNT=0", "There is no device cuda:0: the driver sees 0 GPUs.")]
    [InlineData("CAPABILITY=60", "cuda:0 has compute capability 6.0; 7.5 (Turing, 2018) or later is needed.")]
    [InlineData("FAILS=\"cuInit\" ERROR=100", "The NVIDIA driver could not start: there is no NVIDIA GPU (CUDA error 100).")]
    [InlineData("FAILS=\"cuInit\" ERROR=803", "The NVIDIA driver could not start: the driver's parts have different versions (CUDA error 803).")]
    [InlineData("FAILS=\"cuDevicePrimaryCtxRetain\" ERROR=46", "The NVIDIA driver could not open the GPU: a rare error (CUDA error 46).")]
    [InlineData("FAILS=\"cuMemHostAlloc\" AFTER=1 ERROR=2", "The NVIDIA driver could not pin memory for copies: it is out of memory (CUDA error 2).")]
    [InlineData("FAILS=\"cuModuleLoadDataEx\" ERROR=218",
        "The NVIDIA driver could not assemble the kernels (ptxas fatal : a reason): it refuses the kernels (CUDA error 218).")]
    public void A_card_that_cannot_be_opened_is_refused_in_one_sentence_and_nothing_stays_open(string options, string sentence)
    {
        using StubDriver stub = new(options.Split(' '));
        Assert.Equal(sentence, Assert.Throws<DeviceException>(() => new DriverGpu(0, stub.Load())).Message);
        Assert.Equal(0, stub.Live);
    }

    [Fact]
    public void A_number_beyond_the_last_card_is_refused()
    {
        using StubDriver stub = new("COUNT=1");
        Assert.Equal("There is no device cuda:1: the driver sees 1 GPU.",
            Assert.Throws<DeviceException>(() => new DriverGpu(1, stub.Load())).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DriverGpu(-1, stub.Load()));
    }

    [Fact]
    public void Copies_larger_than_a_pinned_buffer_arrive_whole_and_everything_is_given_back()
    {
        using StubDriver stub = new();
        using (DriverGpu gpu = new(0, stub.Load(), stagingBytes: 1000))
        {
            Assert.Equal(("Stub 1", 1000), (gpu.Name, gpu.FreeBytes));
            byte[] data = [.. Enumerable.Range(0, 3500).Select(i => (byte)(i * 7))], got = new byte[3500];
            ulong weights = gpu.Keep(data), other = gpu.Allocate(3500);
            gpu.Copy(weights, other, 3500);
            gpu.Download(other, got);
            Assert.Equal(data, got);
            gpu.Free(weights);
            gpu.Free(other);
        }
        Assert.Equal(0, stub.Live);
    }

    [Fact]
    public void A_kernel_is_started_with_its_grid_and_arguments()
    {
        using StubDriver stub = new();
        using DriverGpu gpu = new(0, stub.Load());
        gpu.Launch("mix_experts", new(2, 3, 4), 128, 256, 0x1122334455667788ul, -1, 1.5f);
        (uint[] shape, ulong first, ulong second) = stub.Launched();
        Assert.Equal([11u, 2u, 3u, 4u, 128u, 1u, 1u, 256u], shape);
        Assert.Equal((0x1122334455667788ul, 0xfffffffful), (first, second));
    }

    [Fact]
    public void Launches_are_recorded_replayed_and_freed()
    {
        using StubDriver stub = new();
        using (DriverGpu gpu = new(0, stub.Load()))
        {
            gpu.Launch("route", new(1), 32, 0, 0ul, 0);
            nint recorded = gpu.Record(() =>
            {
                for (int i = 0; i < 5; i++)
                    gpu.Launch("mix_experts", new(2, 3, 4), 128, 256, 0x1122334455667788ul, -1, 1.5f);
            });
            Assert.Equal((5u, 0), (stub.Launched().Shape[0], stub.Replayed));                     // none of them was run yet
            gpu.Replay(recorded);
            gpu.Replay(recorded);
            Assert.Equal(10, stub.Replayed);
            gpu.Forget(recorded);
        }
        Assert.Equal(0, stub.Live);
    }

    [Theory]
    [InlineData("cuStreamBeginCapture_v2", "record launches")]
    [InlineData("cuStreamEndCapture", "record launches", 1)]                               // what the broken driver keeps goes with the context
    [InlineData("cuGraphInstantiateWithFlags", "prepare recorded launches")]
    [InlineData("cuGraphLaunch", "start recorded launches", 1)]
    [InlineData("cuLaunchKernel", "start route")]
    public void A_driver_that_cannot_record_or_replay_is_an_error_like_any_other(string call, string what, int left = 0)
    {
        using StubDriver stub = new($"FAILS=\"{call}\"", "ERROR=901");
        using (DriverGpu gpu = new(0, stub.Load()))
        {
            Assert.Equal($"The NVIDIA driver could not {what}: a rare error (CUDA error 901).",
                Assert.Throws<DeviceException>(() => gpu.Replay(gpu.Record(() => gpu.Launch("route", new(1), 32, 0, 0ul, 0)))).Message);
            Assert.StartsWith("The GPU can no longer be used.",
                Assert.Throws<DeviceException>(gpu.Synchronize).Message, StringComparison.Ordinal);
        }
        Assert.Equal(left, stub.Live);
    }

    [Fact]
    public void Want_of_memory_is_said_and_breaks_nothing()
    {
        using StubDriver stub = new("FAILS=\"cuMemAlloc_v2\"", "ERROR=2");
        using DriverGpu gpu = new(0, stub.Load());
        Assert.Equal("The NVIDIA driver could not allocate 423 MB: it is out of memory (CUDA error 2).",
            Assert.Throws<InsufficientMemoryException>(() => gpu.Allocate(422_500_000)).Message);
        Assert.Equal(1000, gpu.FreeBytes);
    }

    [Theory]
    [InlineData("cuStreamSynchronize", 700, "finish its work: a kernel touched memory that is not its own (CUDA error 700)")]
    [InlineData("cuStreamSynchronize", 214, "finish its work: its memory had an error that could not be corrected (ECC) (CUDA error 214)")]
    [InlineData("cuMemcpyDtoHAsync_v2", 719, "copy from the GPU: a kernel failed (CUDA error 719)")]
    public void A_card_that_broke_says_so_at_every_later_call(string call, int error, string what)
    {
        using StubDriver stub = new($"FAILS=\"{call}\"", $"ERROR={error}");
        using (DriverGpu gpu = new(0, stub.Load()))
        {
            ulong address = gpu.Keep(new byte[8]);
            string sentence = $"The NVIDIA driver could not {what}.";
            Assert.Equal(sentence, Assert.Throws<DeviceException>(() => gpu.Download(address, new byte[8])).Message);
            string later = $"The GPU can no longer be used. {sentence}";
            Assert.Equal(later, Assert.Throws<DeviceException>(() => gpu.Allocate(8)).Message);
            Assert.Equal(later, Assert.Throws<DeviceException>(() => gpu.Upload(new byte[8], address)).Message);
            Assert.Equal(later, Assert.Throws<DeviceException>(() => gpu.Launch("route", new(1), 32, 0)).Message);
        }
        Assert.InRange(stub.Live, 0, 1);               // the allocation, which goes with the context
    }

    [Fact]
    public void A_closed_card_is_not_used_again()
    {
        using StubDriver stub = new();
        DriverGpu gpu = new(0, stub.Load());
        gpu.Dispose();
        gpu.Dispose();
        Assert.Throws<ObjectDisposedException>(() => gpu.Allocate(8));
        Assert.Equal(0, stub.Live);
    }

    [Theory]
    [InlineData("cuStreamSynchronize", 3, 700, "finish its work: a kernel touched memory that is not its own (CUDA error 700)")]
    [InlineData("cuMemcpyDtoHAsync_v2", 1, 719, "copy from the GPU: a kernel failed (CUDA error 719)")]
    [InlineData("cuLaunchKernel", 60, 701, "start rms_norm: a kernel needs more than the GPU has (CUDA error 701)")]
    public void A_model_on_a_card_that_breaks_keeps_its_sequences_and_says_so_from_then_on(string call, int after, int error, string what)
    {
        using StubDriver stub = new($"FAILS=\"{call}\"", $"AFTER={after}", $"ERROR={error}", "FREE=1000000000");
        using SmallModels models = new();
        using (var device = CudaDevice.Open(0, stub.Load()))
        using (var model = Transformer.Load(models.Write(SmallModels.Smallest, 1), new ModelOptions { Threads = 1, Device = device }))
        {
            Assert.Equal("cuda:0 (Stub 1) computes all of it, experts of all 2 layers included.", model.Placement);
            Sequence sequence = model.NewSequence();
            string sentence = "";
            int fed = 0;
            while (sentence.Length == 0)
            {
                try
                {
                    model.Forward(new BatchItem(sequence, new[] { 1, 2, 3 }, LogitRows.Last));
                    fed += 3;
                }
                catch (DeviceException e)
                {
                    sentence = e.Message;
                }
            }
            Assert.Equal($"The NVIDIA driver could not {what}.", sentence);
            Assert.InRange(fed, 3, 12);
            Assert.Equal(fed, sequence.Length);
            string later = $"The GPU can no longer be used. {sentence}";
            Assert.Equal(later, Assert.Throws<DeviceException>(() => model.Forward(new BatchItem(sequence, new[] { 4 }, LogitRows.Last))).Message);
            Assert.Equal(later, Assert.Throws<DeviceException>(
                () => Transformer.Load(models.Write(SmallModels.Smallest, 1), new ModelOptions { Threads = 1, Device = device })).Message);
            Assert.Equal(fed, sequence.Length);
        }
    }

    [Fact]
    public void A_model_gives_every_allocation_back()
    {
        using StubDriver stub = new("FREE=1000000000");
        using SmallModels models = new();
        using (var device = CudaDevice.Open(0, stub.Load()))
        {
            int opened = stub.Live;
            using (var model = Transformer.Load(models.Write(SmallModels.Smallest, 1), new ModelOptions { Threads = 1, Device = device }))
                model.Forward(new BatchItem(model.NewSequence(), new int[70], LogitRows.All));
            Assert.Equal(opened, stub.Live);
        }
        Assert.Equal(0, stub.Live);
    }

    [Fact]
    public void Experts_without_room_stay_on_the_processor_and_want_of_pages_ends_a_pass_with_a_sentence()
    {
        // 12 of working memory, 1 of the step, 2 of the head, 6 for attention in each of two layers, 9 for the experts of the first and 4 of the
        // second.
        using StubDriver stub = new("FAILS=\"cuMemAlloc_v2\"", "AFTER=40", "ERROR=2", "FREE=1000000000");
        using SmallModels models = new();
        using (var device = CudaDevice.Open(0, stub.Load()))
        using (var model = Transformer.Load(models.Write(SmallModels.Smallest, 1), new ModelOptions { Threads = 1, Device = device }))
        {
            Assert.Equal("cuda:0 (Stub 1) computes attention, unembedding and the experts of 1 of 2 layers, the processor those of the others.",
                model.Placement);
            Sequence sequence = model.NewSequence();
            Assert.Equal("The NVIDIA driver could not allocate 1 MB: it is out of memory (CUDA error 2).",
                Assert.Throws<DeviceException>(() => model.Forward(new BatchItem(sequence, new[] { 4 }, LogitRows.Last)).Count).Message);
            Assert.Equal((0, 0), (sequence.Length, model.CacheMemory.Held));
        }
        Assert.Equal(0, stub.Live);
    }
}
