using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>How the fake answers, and what the caller passes.</summary>
public sealed record Situation(bool IsAsynchronous, bool IsCancellable, bool HasOptions)
{
    private static readonly CancellationTokenSource Caller = new();

    public static IEnumerable<Situation> All =>
    [
        new(IsAsynchronous: false, IsCancellable: false, HasOptions: false),
        new(IsAsynchronous: false, IsCancellable: true, HasOptions: false),
        new(IsAsynchronous: false, IsCancellable: false, HasOptions: true),
        new(IsAsynchronous: true, IsCancellable: false, HasOptions: false),
        new(IsAsynchronous: true, IsCancellable: true, HasOptions: false),
        new(IsAsynchronous: true, IsCancellable: false, HasOptions: true),
    ];

    internal CancellationToken Token => IsCancellable ? Caller.Token : CancellationToken.None;

    internal ChatOptions? Options { get; } = HasOptions ? new ChatOptions { Temperature = 0.5f, MaxOutputTokens = 100 } : null;

    public override string ToString() => (IsAsynchronous ? "asynchronous" : "complete") + (IsCancellable ? ", cancellable" : HasOptions ? ", options" : "");
}
