using System.ClientModel;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>Runs one client through one scenario: an open loop, the same calls with the same answers for every client.</summary>
internal sealed class SimulatedRunner(SimulatedScenario scenario, SimulatedContestant contestant)
{
    public const string GaveUp = "gave up";

    private const double MedianSeconds = 4;
    private const double Sigma = 1;
    private const double LongSeconds = 40;
    private const double LongShare = 0.1;

    /// <summary>Below the 100 s after which the SDK gives up, so that no call is lost whatever the client does.</summary>
    private const double LongestSeconds = 90;

    private const double ShortSeconds = 0.4;
    private const double MedianShortSeconds = 0.06;
    private const double LongestShortSeconds = 2;

    private readonly VirtualTime _time = new();

    public async Task<SimulatedResult> RunAsync()
    {
        FakeModel[] models = [.. scenario.Models.Select((spec, i) => new FakeModel($"m{i}", spec, _time))];
        VerdictLog verdicts = new();
        using IChatClient client = contestant.Create(models, scenario, _time, verdicts);
        Task<SimulatedCall[]> work = CallAllAsync(client, (int)Math.Round(scenario.PerSecond * scenario.Seconds));
        await VirtualDriver.RunAsync(_time, work);
        return new SimulatedResult(scenario, contestant.Name, await work, models, verdicts.Silent);
    }

    private async Task<SimulatedCall[]> CallAllAsync(IChatClient client, int count)
    {
        Task<SimulatedCall>[] calls = new Task<SimulatedCall>[count];
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(1);
#pragma warning restore CA5394
        double began = _time.Seconds;
        for (int i = 0; i < count; i++)
        {
            TimeSpan wait = TimeSpan.FromSeconds(began + (i / scenario.PerSecond) - _time.Seconds);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, _time);
            }

            calls[i] = CallAsync(client, i, OwnTime(random));
        }

        return await Task.WhenAll(calls);
    }

    private TimeSpan OwnTime(Random random)
    {
#pragma warning disable CA5394
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double chance = random.NextDouble();
#pragma warning restore CA5394
        return TimeSpan.FromSeconds(scenario.Sizes == Sizes.Bimodal ? (chance < 0.5 ? LongSeconds : ShortSeconds)
            : scenario.Sizes == Sizes.Short ? Math.Min(LongestShortSeconds, MedianShortSeconds * Math.Exp(Sigma * normal))
            : chance < LongShare ? LongSeconds : Math.Min(LongestSeconds, MedianSeconds * Math.Exp(Sigma * normal)));
    }

    private async Task<SimulatedCall> CallAsync(IChatClient client, int number, TimeSpan own)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(scenario.PatienceSeconds), _time);
        string prompt = Prompt.Of(number, own);
        bool answered = false;
        bool right = false;
        string? thrown = null;
        double? estimate = null;
        ChatOptions? options = scenario.MaxTokens.Count == 0 ? null : new() { MaxOutputTokens = scenario.MaxTokens[number % scenario.MaxTokens.Count] };
        double began = _time.Seconds;
        try
        {
            string text = scenario.Streams ? await ReadAsync(client, prompt, options, patience.Token) : (await client.GetResponseAsync(prompt, options, patience.Token)).Text;
            (answered, right) = (true, text == prompt);
        }
#pragma warning disable CA1031 // Whatever a client throws is a result.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            estimate = (exception as EndpointsExhaustedException)?.RetryAfter?.TotalSeconds;
            thrown = exception is OperationCanceledException && patience.IsCancellationRequested ? GaveUp
                : exception is ClientResultException { Status: var status } ? $"{exception.GetType().Name} {status}"
                : exception.GetType().Name;
        }

        return new SimulatedCall(number, began, _time.Seconds, own.TotalSeconds, answered, right, thrown) { Estimate = estimate };
    }

    private static async Task<string> ReadAsync(IChatClient client, string prompt, ChatOptions? options, CancellationToken cancellationToken)
    {
        string text = "";
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(prompt, options, cancellationToken))
        {
            text += update.Text;
        }

        return text;
    }
}
