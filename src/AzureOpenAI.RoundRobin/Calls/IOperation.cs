using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>What a call does at an endpoint: ask for an answer, or open a stream. Implemented by structs, so that the loop calls it directly and nothing is boxed.</summary>
/// <typeparam name="TResult">The result of the operation.</typeparam>
internal interface IOperation<TResult>
{
    /// <summary>Its value of <c>gen_ai.operation.name</c>.</summary>
    static abstract string Name { get; }

    /// <summary>True if the attempt ends with the operation; false if the result goes on with the attempt, and ends it.</summary>
    static abstract bool EndsAttempt { get; }

    /// <summary>True if an attempt at a stalled endpoint may be relocated.</summary>
    static abstract bool MayRelocate { get; }

    /// <summary>True if the operation is the user's own code, whose unknown exceptions say nothing of the endpoint.</summary>
    static abstract bool IsUserCode { get; }

    /// <summary>Whether the caller named the model or a conversation, so that a ready-made client's 404 may be the request's own fault.</summary>
    bool NamesModel { get; }

    /// <summary>Whether the caller goes on with a job that one ready-made client runs, so that another one's 404 says nothing of its deployment.</summary>
    bool NamesJob { get; }

    /// <summary>Whether the caller goes on with something that a resource keeps, so that a 404 may be about that.</summary>
    bool NamesState { get; }

    /// <summary>What keeps it with the other calls of its conversation; 0 for one that takes its turn.</summary>
    uint Affinity { get; }

    /// <summary>Does it once. Never throws: a failure to start is a failed task. The loop may read the result of a completed task twice.</summary>
    /// <param name="attempt">The endpoint, and the token to pass on.</param>
    /// <param name="number">Which attempt of the call this is, from 1.</param>
    Task<TResult> InvokeAsync(Attempt attempt, int number);

    /// <summary>Takes the result of a ready-made client that was complete at once, if <see cref="Check"/> has nothing to find in it; false where it may.</summary>
    static abstract bool TryTake(TResult result, Attempt attempt);

    /// <summary>Checks the result before it is passed on, while the attempt still runs. Throws for SDK-backed endpoints and for results that <see cref="TryTake"/> leaves to it.</summary>
    /// <param name="result">The result of the operation.</param>
    /// <param name="attempt">The attempt that yielded it.</param>
    /// <param name="number">Which attempt of the call this is, from 1.</param>
    /// <exception cref="IOException">The answer is not whole.</exception>
    void Check(TResult result, Attempt attempt, int number);

    /// <summary>An estimate of the tokens that a limit is charged for it; empty where there is none.</summary>
    TokenEstimate EstimateTokens();

    /// <summary>A hash that differs between different requests.</summary>
    int Fingerprint();
}
