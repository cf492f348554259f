namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>Numbers the operations whose request is not known.</summary>
internal static class OperationCount
{
    private static int _count;

    public static int Next() => Interlocked.Increment(ref _count);
}
