using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>An answer that cannot be read is tried at the other endpoints, four at most; where it breaks alike at all of them, no endpoint is blamed for the request.</summary>
public sealed class BrokenAnswerOverHttpTests
{
    public static TheoryData<string, bool> Broken => Faults.Data(Faults.Broken);

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task It_surfaces_once_all_were_asked_and_takes_nobody_out(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Faults.Named(fault, TimeProvider.System));
        }

        for (int i = 0; i < 5; i++)
        {
            Exception exception = await Assert.ThrowsAnyAsync<Exception>(() => fleet.AskAsync(streaming));
            Assert.True(exception is System.Text.Json.JsonException or ArgumentOutOfRangeException or IOException, exception.ToString());
        }

        Assert.Equal(15, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_finish_reason_that_the_SDK_does_not_know_does_not_take_out_the_pool(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.FinishReason("quota_of_the_future"));
        }

        for (int i = 0; i < 12; i++)
        {
            Exception? failure = streaming
                ? (await fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: TestContext.Current.CancellationToken).ReadAsync()).Failure
                : await Record.ExceptionAsync(() => fleet.AskAsync(streaming: false));
            Assert.IsType(streaming ? typeof(ChatStreamInterruptedException) : typeof(ArgumentOutOfRangeException), failure);
        }

        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
        Assert.Equal(streaming ? [4, 4, 4] : [8, 8, 8], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Where_only_one_breaks_its_answers_that_one_goes_out(bool streaming)
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Time = time);
        fleet["east"].Faults.Add(Fault.Html());

        await fleet.AskAsync(streaming, times: 12);

        Assert.Equal(2, fleet.Attempts("east"));
        Assert.Equal(EndpointFailureReason.BrokenAnswer, fleet.StatusOf("east").Reason);
        Assert.All(["west", "north"], name => Assert.Equal(0, fleet.StatusOf(name).Failed));
    }
}
