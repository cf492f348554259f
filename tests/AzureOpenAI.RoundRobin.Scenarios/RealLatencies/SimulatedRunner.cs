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

    private readonly VirtualTime _time = new();

    public async Task<SimulatedResult> RunAsync()
    {
        FakeModel[] models = [.. scenario.Models.Select((spec, i) => new FakeModel($"m{i}", spec, _time))];
        using IChatClient client = contestant.Create(models, _time, scenario.HasHeaders);
        int count = (int)Math.Round(scenario.PerSecond * scenario.Seconds);
        Task<SimulatedCall[]> work = Task.WhenAll(OwnTimes(count).Select((own, i) => CallAsync(client, i, i / scenario.PerSecond, own)));
        await VirtualDriver.RunAsync(_time, work);
        return new SimulatedResult(scenario, contestant.Name, await work, models);
    }

    /// <summary>Log-normal, and one in ten takes 40 seconds.</summary>
    private static IEnumerable<TimeSpan> OwnTimes(int count)
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(1);
        for (int i = 0; i < count; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            yield return TimeSpan.FromSeconds(random.NextDouble() < LongShare ? LongSeconds : Math.Min(LongestSeconds, MedianSeconds * Math.Exp(Sigma * normal)));
        }
#pragma warning restore CA5394
    }

    private async Task<SimulatedCall> CallAsync(IChatClient client, int number, double due, TimeSpan own)
    {
        await Task.Delay(TimeSpan.FromSeconds(due), _time);
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(scenario.PatienceSeconds), _time);
        string prompt = Prompt.Of(number, own);
        bool answered = false;
        bool right = false;
        string? thrown = null;
        ChatOptions? options = scenario.MaxTokens.Count == 0 ? null : new() { MaxOutputTokens = scenario.MaxTokens[number % scenario.MaxTokens.Count] };
        double began = _time.Seconds;
        try
        {
            string text = (await client.GetResponseAsync(prompt, options, patience.Token)).Text;
            (answered, right) = (true, text == prompt);
        }
#pragma warning disable CA1031 // Whatever a client throws is a result.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = exception is OperationCanceledException && patience.IsCancellationRequested ? GaveUp
                : exception is ClientResultException { Status: var status } ? $"{exception.GetType().Name} {status}"
                : exception.GetType().Name;
        }

        return new SimulatedCall(number, began, _time.Seconds, own.TotalSeconds, answered, right, thrown);
    }
}
