namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>One way in which a server can spoil an exchange, or only make it odd, by name.</summary>
internal sealed record WireFault(string Name, Func<RawExchange, Task> Say)
{
    public bool IsForCalls { get; init; } = true;

    public bool IsForStreams { get; init; } = true;

    /// <summary>It says nothing for a while, so that a deadline must end the attempt.</summary>
    public bool IsSilent { get; init; }

    /// <summary>The answer is whole, so that a client which reports it as broken is at fault.</summary>
    public bool IsWhole { get; init; }

    public override string ToString() => Name;
}
