using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Opens a stream at an endpoint and reads it up to its first content: until then another endpoint can still take over.</summary>
internal readonly struct StreamOperation(ChatStream stream, ChatRequest request) : IOperation<bool>
{
    private readonly ChatStream _stream = stream;
    private readonly ChatRequest _request = request;

    public static bool EndsAttempt => false;

    public static bool MayMove => true;

    public static bool IsUsersCode => false;

    public bool NamesModel => _request.NamesModel;

    public uint Affinity => _request.Affinity;

    public long EstimateTokens() => _request.EstimateTokens();

    public int Fingerprint() => _request.Fingerprint();

    public ValueTask<bool> InvokeAsync(Attempt attempt, int number) => _stream.OpenAsync(attempt, number);
}
