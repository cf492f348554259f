namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>Numbers the operations whose content is the user's own.</summary>
internal static class OperationCount
{
    private static int _count;

    public static int Next() => Interlocked.Increment(ref _count);
}
