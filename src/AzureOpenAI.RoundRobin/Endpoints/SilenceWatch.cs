namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// Tells when an endpoint has fallen silent: calls are in flight there, it gives no sign of life, and the others go on answering. The measure is the
/// others' answers and not seconds, so it fits answers of 60 ms and of 60 s alike.
/// </summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class SilenceWatch(int endpoints)
{
    /// <summary>Fewer calls than this may all be long ones.</summary>
    private const int LeastInFlight = 3;

    private readonly long _patience = Math.Max(20, 10L * endpoints);
    private readonly (long Signs, long Others)[] _seen = new (long, long)[endpoints];

    /// <summary>Looks at an endpoint now and then.</summary>
    /// <param name="index">The endpoint's place.</param>
    /// <param name="inFlight">The calls in flight there.</param>
    /// <param name="signs">Changes with every sign of life.</param>
    /// <param name="others">How many answers the others have given in all.</param>
    /// <returns><see langword="true"/> if it has been silent for too many of the others' answers.</returns>
    public bool IsSilent(int index, int inFlight, long signs, long others)
    {
        ref (long Signs, long Others) seen = ref _seen[index];
        if (inFlight < LeastInFlight || signs != seen.Signs || others < seen.Others)
        {
            // The count starts at a look that finds enough in flight, so an endpoint that was idle is not late with anything.
            seen = (signs, others);
            return false;
        }

        return others - seen.Others >= _patience;
    }
}
