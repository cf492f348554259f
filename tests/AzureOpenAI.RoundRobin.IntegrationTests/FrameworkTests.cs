using System.ComponentModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Agents.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Agents and kernels take the client as it is.</summary>
public sealed class FrameworkTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<bool, bool> Ways => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task An_agent_keeps_its_conversation_and_calls_its_tools_while_an_endpoint_fails(bool streaming, bool v1)
    {
        await using Fleet fleet = await StartAsync(v1);
        ChatClientAgent agent = new(fleet.Client, instructions: "You read thermometers.", tools: [AIFunctionFactory.Create(ReadThermometer)]);
        AgentSession session = await agent.CreateSessionAsync(Cancellation);

        string first = await agent.AskAsync(session, "How warm is it in Bern?", streaming, Cancellation);
        string second = await agent.AskAsync(session, "And in Basel?", streaming, Cancellation);

        Assert.Equal(("It is 21 in Bern.", "It is 21 in Basel."), (first, second));
        Assert.Equal(4, fleet.Ledger.Snapshot().Count(entry => entry.Outcome == LedgerOutcome.Answered));
        Assert.Equal(EndpointState.Unavailable, fleet.StatusOf("east").State);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_kernel_takes_the_client_as_its_chat_service(bool streaming, bool v1)
    {
        await using Fleet fleet = await StartAsync(v1);
        IChatCompletionService chat = fleet.Client.AsChatCompletionService();
        Kernel kernel = new();
        ChatHistory history = new("You are brief.");
        history.AddUserMessage("hello");

        string text = "";
        if (streaming)
        {
            await foreach (StreamingChatMessageContent content in chat.GetStreamingChatMessageContentsAsync(history, kernel: kernel, cancellationToken: Cancellation))
            {
                text += content.Content;
            }
        }
        else
        {
            text = (await chat.GetChatMessageContentAsync(history, kernel: kernel, cancellationToken: Cancellation)).Content!;
        }

        Assert.Equal("hello to you", text);
        Assert.Equal([1, 1], [fleet.Attempts("east"), fleet.Attempts("west")]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_kernel_takes_the_registered_client_for_its_prompts(bool v1)
    {
        await using Fleet fleet = await StartAsync(v1);
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton<IChatClient>(fleet.Client);
        Kernel kernel = builder.Build();

        FunctionResult result = await kernel.InvokePromptAsync("{{$greeting}}", new() { ["greeting"] = "hello" }, cancellationToken: Cancellation);

        Assert.Equal("hello to you", result.GetValue<string>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_kernel_calls_its_functions_by_one_line(bool streaming)
    {
        await using Fleet fleet = await StartAsync(v1: false);

        Assert.Equal("It is 21 in Bern.", await AskKernelAsync(fleet.Client.AsBuilder().UseKernelFunctionInvocation().Build(), streaming));
        Assert.Equal(2, fleet.Ledger.Snapshot().Count(entry => entry.Outcome == LedgerOutcome.Answered));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Needs", "OpenAI 2.14")]
    public async Task A_kernel_calls_its_functions_over_the_Responses_API_where_nothing_is_stored(bool streaming)
    {
        await using Fleet fleet = await StartAsync(v1: false, EndpointApi.Responses);

        // A kernel looks for its functions' calls in the history, which it does not get where the service keeps that.
        IChatClient client = fleet.Client.AsBuilder()
            .UseKernelFunctionInvocation()
            .ConfigureOptions(static options => options.RawRepresentationFactory ??= static _ => new CreateResponseOptions { StoredOutputEnabled = false })
            .Build();

        Assert.Equal("It is 21 in Bern.", await AskKernelAsync(client, streaming));
        Assert.Equal(["east", "west", "west"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_that_line_a_kernel_calls_no_function(bool streaming)
    {
        await using Fleet fleet = await StartAsync(v1: false);

        Assert.Equal("", await AskKernelAsync(fleet.Client, streaming));
        Assert.Single(fleet.Ledger.Snapshot(), entry => entry.Outcome == LedgerOutcome.Answered);
    }

    private static async Task<string> AskKernelAsync(IChatClient client, bool streaming)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton(client);
        builder.Plugins.AddFromFunctions("thermometers", [KernelFunctionFactory.CreateFromMethod(ReadThermometer)]);
        Kernel kernel = builder.Build();
        KernelArguments arguments = new(new PromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() });
        if (!streaming)
        {
            return (await kernel.InvokePromptAsync("How warm is it in Bern?", arguments, cancellationToken: Cancellation)).ToString();
        }

        string text = "";
        await foreach (StreamingKernelContent part in kernel.InvokePromptStreamingAsync("How warm is it in Bern?", arguments, cancellationToken: Cancellation))
        {
            text += part;
        }

        return text;
    }

    [Description("Reads a thermometer.")]
    private static int ReadThermometer(string city) => city.Length > 0 ? 21 : 0;

    /// <summary>The first endpoint asks for 20 s of peace; a question about a city is answered by a call of the tool, and its result by a sentence.</summary>
    private static async Task<Fleet> StartAsync(bool v1, EndpointApi? api = null)
    {
        Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            (setup.IsV1, setup.Api) = (v1, api);
            setup.Simulator = static options => options.Respond(static request =>
            {
                string city = request.LastUserText!.Split(' ')[^1].TrimEnd('?');
                return request.Messages[^1].Role == "tool" ? $"It is {request.Messages[^1].Text} in {city}."
                    : request.ToolNames.Count > 0 ? ChatReply.FromToolCalls(new ReplyToolCall(request.ToolNames[0], $"{{\"city\":\"{city}\"}}"))
                    : $"{request.LastUserText} to you";
            });
        });
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));
        return fleet;
    }
}
