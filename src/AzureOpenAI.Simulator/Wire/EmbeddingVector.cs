using System.Buffers.Binary;

namespace AzureOpenAI.Simulator;

/// <summary>Vectors of length one that depend on nothing but the text and the number of dimensions.</summary>
internal static class EmbeddingVector
{
    public static float[] Of(string text, int dimensions)
    {
        ulong state = 14695981039346656037;
        foreach (char character in text)
        {
            state = (state ^ character) * 1099511628211;
        }

        float[] vector = new float[dimensions];
        double squares = 0;
        for (int i = 0; i < vector.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            vector[i] = ((state >> 40) / (float)(1 << 24)) - 0.5f;
            squares += vector[i] * vector[i];
        }

        float scale = squares == 0 ? 0 : (float)(1 / Math.Sqrt(squares));
        for (int i = 0; i < vector.Length; i++)
        {
            vector[i] *= scale;
        }

        return vector;
    }

    public static byte[] ToLittleEndian(float[] vector)
    {
        byte[] bytes = new byte[vector.Length * sizeof(float)];
        for (int i = 0; i < vector.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), vector[i]);
        }

        return bytes;
    }
}
