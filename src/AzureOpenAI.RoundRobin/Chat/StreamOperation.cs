using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Opens a stream at an endpoint and reads it up to its first content: until then another endpoint can still take over.</summary>
internal readonly struct StreamOperation(ChatStream stream) : IOperation<bool>
{
    private readonly ChatStream _stream = stream;

    public static string Name => ChatOperation.Name;

    public static bool EndsAttempt => false;

    public static bool MayRelocate => true;

    public static bool IsUserCode => false;

    public bool NamesModel => _stream.Request.NamesModel;

    public bool NamesJob => _stream.Request.NamesJob;

    public bool NamesState => _stream.Request.NamesState;

    public uint Affinity => _stream.Request.Affinity;

    public TokenEstimate EstimateTokens() => _stream.Request.EstimateTokens();

    public int Fingerprint() => _stream.Request.Fingerprint();

    public Task<bool> InvokeAsync(Attempt attempt, int number) => _stream.OpenAsync(attempt, number).AsTask();

    public static bool TryTake(bool result, Attempt attempt) => true;

    public void Check(bool result, Attempt attempt, int number)
    {
    }
}
