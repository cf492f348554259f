namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A call that has reached its endpoint and stays there until the test says how it ends. What follows runs on the test's own thread.</summary>
internal sealed class HeldCall
{
    private readonly TaskCompletionSource<string> _end = new();
    private readonly string _name;

    public HeldCall(string name, CancellationToken token)
    {
        _name = name;
        Token = token;
        token.UnsafeRegister(static (state, cancelled) => ((HeldCall)state!)._end.TrySetCanceled(cancelled), this);
    }

    public CancellationToken Token { get; }

    public Task<string> End => _end.Task;

    public void Answer(string? text = null) => _end.TrySetResult(text ?? _name);

    public void Fail(Exception exception) => _end.TrySetException(exception);
}
