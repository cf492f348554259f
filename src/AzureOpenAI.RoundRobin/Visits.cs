using System.Diagnostics;

namespace AzureOpenAI.RoundRobin;

/// <summary>Counts the waiters and the starts of calls that the present thread has looked at, so that a test can tell work that grows. In debug builds only.</summary>
internal static class Visits
{
    [ThreadStatic]
    private static int _count;

    public static int Count => _count;

    [Conditional("DEBUG")]
    public static void Add(int count = 1) => _count += count;
}
