using AzureOpenAI.RoundRobin;
using Microsoft.Extensions.AI;
using QuickStart;

// The surroundings of the app: .env, simulated resources where the environment names no real ones, Ctrl+C, exit codes.
return await Demo.RunAsync(args, async demo =>
{
    // AZURE_OPENAI_ROUND_ROBIN_CONNECTION has the endpoints, and USE_AZURE_OPENAI_ROUND_ROBIN is true.
    using IChatClient chat = AzureOpenAIRoundRobin.CreateFromEnvironment();

    // Ask.
    ChatResponse answer = await chat.GetResponseAsync("What does round-robin mean?", cancellationToken: demo.CancellationToken);
    Console.WriteLine(answer.Text);

    // Stream.
    await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("Count from one to ten.", cancellationToken: demo.CancellationToken))
    {
        Console.Write(update.Text);
    }

    Console.WriteLine();

    // Both, many at one time. One of the simulated resources throttles, another one fails half-way.
    return await demo.AskManyAsync(chat);
});
