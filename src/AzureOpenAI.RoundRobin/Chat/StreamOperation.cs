using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Opens a stream at an endpoint and reads it up to its first content: until then another endpoint can still take over.</summary>
internal readonly struct StreamOperation(ChatRequest request, AttemptLoop loop, CancellationToken caller) : IOperation<CommittedStream>
{
    private readonly ChatRequest _request = request;
    private readonly AttemptLoop _loop = loop;
    private readonly CancellationToken _caller = caller;

    public static bool EndsAttempt => false;

    public static bool IsUsersCode => false;

    public bool NamesModel => _request.NamesModel;

    public int Fingerprint() => _request.Fingerprint();

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The stream is handed out, or disposed where it fails.")]
    public async ValueTask<CommittedStream> InvokeAsync(Attempt attempt, int number)
    {
        CommittedStream stream = new(_loop, attempt, number, _caller);
        try
        {
            await stream.OpenAsync(_request).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DropAsync().ConfigureAwait(false);
            throw;
        }
    }
}
