namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>A kernel does what it must not: which one, which threads, what.</summary>
internal sealed class MachineFault(string message) : Exception(message);
