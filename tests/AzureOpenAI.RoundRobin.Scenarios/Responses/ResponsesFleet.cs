using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>Simulated resources with the Responses API, in this process, and a client over them. An answer is its question and the number of messages that the model saw.</summary>
internal sealed class ResponsesFleet : IAsyncDisposable
{
    public const string Deployment = "gpt-4o";

    /// <summary>How long our client waits; all callers wait for twice that.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(3);

    private static readonly string[] Names = ["east", "west", "north"];

    private readonly ResponsesContestant _contestant;
    private readonly List<IChatClient> _clients;

    private ResponsesFleet(AzureOpenAISimulator azure, ResponsesContestant contestant)
    {
        (Azure, _contestant) = (azure, contestant);
        _clients = [contestant.Create(azure)];
    }

    public AzureOpenAISimulator Azure { get; }

    public IChatClient Client => _clients[0];

    /// <summary>The one that something happens to.</summary>
    public SimulatedResource First => Azure.Resources[0];

    public static async Task<ResponsesFleet> StartAsync(ResponsesContestant contestant, Action<SimulatorOptions>? configure = null, int resources = 3) => new(
        await AzureOpenAISimulator.StartAsync(options =>
        {
            foreach (string name in Names[..resources])
            {
                options.AddResource(name, static resource => resource.AddDeployment(Deployment));
            }

            options.Respond(static request => Answer(request.LastUserText, request.Messages.Count));
            configure?.Invoke(options);
        }),
        contestant);

    public static string Answer(string question, int messages) => $"{question}, by {messages} messages in all";

    /// <summary>The same client in another process: it knows nothing of the first one.</summary>
    public IChatClient CreateAnother()
    {
        _clients.Add(_contestant.Create(Azure));
        return _clients[^1];
    }

    public Task<Reply> AskAsync(string question, bool streaming = false, ChatOptions? options = null, IChatClient? client = null) =>
        AskAsync([new ChatMessage(ChatRole.User, question)], streaming, options, client);

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Whatever the client throws is what the caller got.")]
    public async Task<Reply> AskAsync(IEnumerable<ChatMessage> messages, bool streaming = false, ChatOptions? options = null, IChatClient? client = null)
    {
        using CancellationTokenSource patience = new(2 * MaxWait);
        try
        {
            client ??= Client;
            return new(
                streaming
                    ? await client.GetStreamingResponseAsync(messages, options, patience.Token).ToChatResponseAsync(patience.Token)
                    : await client.GetResponseAsync(messages, options, patience.Token),
                null);
        }
        catch (Exception failure)
        {
            return new(null, failure);
        }
    }

    /// <summary>How many of these calls, one after the other, get another answer than the whole one, or an exception.</summary>
    public async Task<int> CountLostAsync(int calls, bool streaming = false)
    {
        int lost = 0;
        for (int i = 0; i < calls; i++)
        {
            lost += (await AskAsync($"question {i}", streaming)).Text == Answer($"question {i}", 1) ? 0 : 1;
        }

        return lost;
    }

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(static client => client.Dispose());
        await Azure.DisposeAsync();
    }
}
