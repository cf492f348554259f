using System.Reflection;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>Update of a pool that cannot be updated, is disposed, or has running calls.</summary>
public class EndpointPoolUpdateTests
{
    [Fact]
    public void Update_DisposedPool_Throws()
    {
        using FakePool pool = new(2);
        pool.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Update("a"));
        Assert.Throws<ArgumentNullException>(() => pool.Pool.Update(null!));
    }

    [Fact]
    public async Task Update_ThenDispose_ReleasesOnceWhenTheLastCallEnds()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> running = pool.AskAsync();
        pool.Update("b");

        pool.Dispose();
        Assert.Equal(0, pool.Released);
        pool.Clients[0].Held[0].Answer();

        await running;
        Assert.Equal(1, pool.Released);
    }

    [Fact]
    public void Update_ChatClientInAPoolOfEmbeddings_Throws()
    {
        using ServicePool pool = new(["one"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool, leaveOpen: true);
        RoundRobinOptions options = new() { Endpoints = { new() { Name = "ready", ChatClient = new FakeChatClient() } } };

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => pool.Pool.Update(options));

        Assert.Contains("'ready'", fault.Message, StringComparison.Ordinal);
        Assert.Equal("one", Assert.Single(pool.Pool.GetStatus()).Name);
    }

    [Fact]
    public async Task Update_DuringDispose_LeavesRunningCallsTheirTransport()
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt" };
        options.Endpoints.Add(new EndpointOptions { Endpoint = new Uri("https://one.openai.azure.com"), ApiKey = "secret" });
        EndpointPool pool = new(options);
        TaskCompletionSource<int> running = new();
        Task<int> call = pool.InvokeAsync((_, _) => running.Task, cancellationToken: TestContext.Current.CancellationToken);
        FieldInfo field = typeof(EndpointPool).GetField("_ownTransport", BindingFlags.NonPublic | BindingFlags.Instance)!;
        HttpClient transport = Assert.IsType<HttpClient>(field.GetValue(pool));
        DisposingMonitor monitor = new(pool, options);
        pool.Follow(monitor, "");

        monitor.Changed!(options, "");

        // Would throw if it were disposed.
        transport.CancelPendingRequests();
        running.SetResult(1);
        Assert.Equal(1, await call);
        Assert.Throws<ObjectDisposedException>(transport.CancelPendingRequests);
    }

    /// <summary>Options that are read as somebody else disposes the pool.</summary>
    private sealed class DisposingMonitor(EndpointPool pool, RoundRobinOptions options) : IOptionsMonitor<RoundRobinOptions>
    {
        public Action<RoundRobinOptions, string?>? Changed { get; private set; }

        public RoundRobinOptions CurrentValue => Get(null);

        public RoundRobinOptions Get(string? name)
        {
            pool.Dispose();
            return options;
        }

        public IDisposable? OnChange(Action<RoundRobinOptions, string?> listener)
        {
            Changed = listener;
            return null;
        }
    }
}
