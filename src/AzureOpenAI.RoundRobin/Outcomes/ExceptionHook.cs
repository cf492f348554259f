namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>What the user's own code says of an exception. One that it throws is told once, and taken for no word.</summary>
/// <param name="classify">The user's code.</param>
/// <param name="failed">Tells what it threw.</param>
internal sealed class ExceptionHook(Func<Exception, EndpointFailureReason?> classify, Action<Exception> failed)
{
    private int _failed;

    public EndpointFailureReason? Ask(Exception exception)
    {
        try
        {
            return classify(exception) is { } reason && Enum.IsDefined(reason) ? reason : null;
        }
#pragma warning disable CA1031 // Code of the user's, which must not change what its call comes to.
        catch (Exception thrown)
#pragma warning restore CA1031
        {
            if (Interlocked.Exchange(ref _failed, 1) == 0)
            {
                failed(thrown);
            }

            return null;
        }
    }
}
