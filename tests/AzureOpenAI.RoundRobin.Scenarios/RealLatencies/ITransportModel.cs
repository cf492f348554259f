namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>A simulated deployment that can be met over <see cref="FakeTransport"/>.</summary>
internal interface ITransportModel
{
    string Name { get; }

    /// <summary>Answers with the prompt itself, or throws as the SDK would.</summary>
    /// <param name="prompt">The text of the message.</param>
    /// <param name="tokens">The output that the call asks for at most; 0 where it does not say.</param>
    /// <param name="cancellationToken">The caller's.</param>
    Task<TransportAnswer> AnswerAsync(string prompt, int tokens, CancellationToken cancellationToken);
}
