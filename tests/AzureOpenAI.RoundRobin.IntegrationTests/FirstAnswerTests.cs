using System.ClientModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using Azure.AI.OpenAI;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>
/// What a process compiles until its first answer, beside one with the SDK's own client: nearly all of what it waits for longer. Methods are counted, not time.
/// </summary>
public sealed class FirstAnswerTests
{
    private const string Endpoints = "ROUND_ROBIN_TESTS_ENDPOINTS";
    private const string Client = "ROUND_ROBIN_TESTS_CLIENT";
    private const string Count = "ROUND_ROBIN_TESTS_FILE";

    private const int Most = 1_075;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FirstAnswer_CompilesNoMoreThanItNeeds()
    {
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator.AddResource("east").AddResource("west"), Cancellation);

        int plain = await CompiledAsync(azure, "plain");
        int ours = await CompiledAsync(azure, "ours");

        // 994 as a rule, and some 70 more or less where a connection is made at once or not. More are a decision: 100 methods are some 7 ms.
        Assert.InRange(ours - plain, 0, Most);
    }

    /// <summary>What the process does, which is these tests once more. It runs only when it is named.</summary>
    [Fact(Explicit = true)]
    public async Task Ask()
    {
        string written = Environment.GetEnvironmentVariable(Endpoints) ?? throw new InvalidOperationException($"{Endpoints} is not set: another test starts this one.");
        string[][] endpoints = [.. written.Split(';').Select(static endpoint => endpoint.Split(' '))];
        bool isPlain = Environment.GetEnvironmentVariable(Client) == "plain";
        long before = JitInfo.GetCompiledMethodCount();
        using IChatClient chat = isPlain ? Plain(endpoints[0]) : Ours(endpoints);
        await chat.GetResponseAsync("Hello", cancellationToken: Cancellation);
        long compiled = JitInfo.GetCompiledMethodCount() - before;
        // What only sharing and an affinity need.
        Assert.DoesNotContain(AppDomain.CurrentDomain.GetAssemblies(), static assembly => assembly.GetName().Name == "System.IO.Hashing");
        await File.WriteAllTextAsync(Environment.GetEnvironmentVariable(Count)!, compiled.ToString(CultureInfo.InvariantCulture), Cancellation);
    }

    private static IChatClient Plain(string[] endpoint) => new AzureOpenAIClient(new Uri(endpoint[0]), new ApiKeyCredential(endpoint[1])).GetChatClient("gpt-4o").AsIChatClient();

    private static RoundRobinChatClient Ours(string[][] endpoints)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        foreach (string[] endpoint in endpoints)
        {
            options.Endpoints.Add(new() { Endpoint = new Uri(endpoint[0]), ApiKey = endpoint[1] });
        }

        return new RoundRobinChatClient(new EndpointPool(options));
    }

    private static async Task<int> CompiledAsync(AzureOpenAISimulator azure, string client)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        ProcessStartInfo start = new(
            Path.ChangeExtension(typeof(FirstAnswerTests).Assembly.Location, OperatingSystem.IsWindows() ? ".exe" : null), ["-noColor", "-explicit", "only", "-method", $"{typeof(FirstAnswerTests).FullName}.{nameof(Ask)}"])
        {
            Environment =
            {
                [Endpoints] = string.Join(';', azure.Resources.Select(static resource => $"{resource.Endpoint} {resource.ApiKey}")),
                [Client] = client,
                [Count] = file,
                // Methods that are compiled again, optimized, would count twice.
                ["DOTNET_TC_CallCounting"] = "0",
            },
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        try
        {
            string said = await process.StandardOutput.ReadToEndAsync(Cancellation);
            await process.WaitForExitAsync(Cancellation);
            Assert.True(process.ExitCode == 0, said);
            return int.Parse(await File.ReadAllTextAsync(file, Cancellation), CultureInfo.InvariantCulture);
        }
        finally
        {
            process.Kill();
            File.Delete(file);
        }
    }
}
