using System.Security.Cryptography;
using System.Text;

namespace AzureOpenAI.Simulator;

/// <summary>Keys that look like the service's and are the same in every run with the same seed. They guard nothing but tests.</summary>
internal static class GeneratedKey
{
    public static string Create(string resource, int seed) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{resource}\n{seed}")).AsSpan(0, 16));
}
