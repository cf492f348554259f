using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>What a call does at an endpoint: ask for an answer, or open a stream. A struct, so that the loop calls it directly and nothing is boxed.</summary>
/// <typeparam name="TResult">What the operation yields.</typeparam>
internal interface IOperation<TResult>
{
    /// <summary>What it is called in <c>gen_ai.operation.name</c>.</summary>
    static abstract string Name { get; }

    /// <summary>True if the attempt is over when the operation is; false if the result goes on with it and ends it.</summary>
    static abstract bool EndsAttempt { get; }

    /// <summary>True if an attempt that is stuck at a silent endpoint may be ended and made elsewhere.</summary>
    static abstract bool MayRelocate { get; }

    /// <summary>True if the operation is the user's own code, whose unknown exceptions say nothing of the endpoint.</summary>
    static abstract bool IsUserCode { get; }

    /// <summary>Whether the caller named the model or a conversation, so that a ready-made client's 404 may be the request's own fault.</summary>
    bool NamesModel { get; }

    /// <summary>Whether the caller goes on with a job that one ready-made client runs, so that another one's 404 says nothing of its deployment.</summary>
    bool NamesJob { get; }

    /// <summary>What keeps it with the other calls of its conversation; 0 for one that takes its turn.</summary>
    uint Affinity { get; }

    /// <summary>Does it once. Never throws: a failure to start is a failed task like any other. A result that is there at once may be read twice.</summary>
    /// <param name="attempt">The endpoint, and the token to pass on.</param>
    /// <param name="number">Which attempt of the call this is, from 1.</param>
    Task<TResult> InvokeAsync(Attempt attempt, int number);

    /// <summary>Looks at the result before it is passed on, while the attempt still runs. Throws for built endpoints only.</summary>
    /// <param name="result">What the operation yielded.</param>
    /// <param name="attempt">The attempt that yielded it.</param>
    /// <param name="number">Which attempt of the call this is, from 1.</param>
    /// <exception cref="IOException">The answer is not whole.</exception>
    void Check(TResult result, Attempt attempt, int number);

    /// <summary>About how many tokens a limit is charged for it; nothing where that cannot be told.</summary>
    TokenEstimate EstimateTokens();

    /// <summary>Tells the request from another one.</summary>
    int Fingerprint();
}
