using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Oracle;

/// <summary>How far a stage may lie from the published reference.</summary>
public static class Budgets
{
    /// <summary>placeholder</summary>
    public const double EqualBits = 0.995;

    /// <summary>placeholder</summary>
    public static double Float32(StageKey key, int position, RotaryTable rotary, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        double budget = 2e-5 * Math.Pow(1.12, Math.Max(key.Layer, 0));
        return key.Stage is Stage.Query or Stage.Key ? budget + RotationError(position, rotary) : budget;
    }

    /// <summary>placeholder</summary>
    public static double Bfloat16Stage(Stage stage) => 0.05;

    /// <summary>placeholder</summary>
    public static double Bfloat16Model(StageKey key) => 0.1;

    /// <summary>placeholder</summary>
    public static double RotationError(int position, RotaryTable rotary)
    {
        ArgumentNullException.ThrowIfNull(rotary);
        double largest = 0;
        foreach (float frequency in rotary.Frequencies)
        {
            float angle = position * frequency;
            largest = Math.Max(largest, MathF.BitIncrement(angle) - angle);
        }
        return position == 0 ? 0 : 4 * largest;
    }
}
