using System.ComponentModel;
using AzureOpenAI.RoundRobin;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;

// A call, a stream and a tool call, compiled ahead of time:
//   dotnet publish samples/NativeAot
// The endpoints are simulated, in this process and over HTTP.
await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(simulator => simulator
    .AddResource("east")
    .AddResource("west")
    .Respond(static request => request.Messages[^1].Role == "user" && request.ToolNames.Contains("read_thermometer")
        ? ChatReply.FromToolCalls(new ReplyToolCall("read_thermometer", """{"city":"Oslo"}"""))
        : $"You say: {request.Messages[^1].Text}"));

RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
foreach (SimulatedResource resource in azure.Resources)
{
    options.Endpoints.Add(new EndpointOptions { Name = resource.Name, Endpoint = resource.Endpoint, ApiKey = resource.ApiKey });
}

using IChatClient chat = new RoundRobinChatClient(new EndpointPool(options)).AsBuilder().UseFunctionInvocation().Build();

string answer = (await chat.GetResponseAsync("Hello")).Text;
string stream = string.Concat(await chat.GetStreamingResponseAsync("Hello again").Select(static update => update.Text).ToArrayAsync());
string weather = (await chat.GetResponseAsync("Is it cold?", new ChatOptions { Tools = [AIFunctionFactory.Create(ReadThermometer, "read_thermometer")] })).Text;

Console.WriteLine($"call:      {answer}");
Console.WriteLine($"stream:    {stream}");
Console.WriteLine($"tool call: {weather}");
Console.WriteLine($"requests:  {azure.Ledger.Count("east").Answered} to east, {azure.Ledger.Count("west").Answered} to west");
bool isRight = (answer, stream, weather) == ("You say: Hello", "You say: Hello again", "You say: \"It is 21 degrees in Oslo.\"")
    && azure.Ledger.Count("east").Answered == 2 && azure.Ledger.Count("west").Answered == 2;
return isRight ? 0 : 1;

[Description("Reads a thermometer.")]
static string ReadThermometer(string city) => $"It is 21 degrees in {city}.";
