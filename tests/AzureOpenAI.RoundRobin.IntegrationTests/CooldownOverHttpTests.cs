using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>How long an endpoint is left alone, by what it said. Simulated time, so every limit is exact.</summary>
public sealed class CooldownOverHttpTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public static TheoryData<string, double, bool> Stated
    {
        get
        {
            TheoryData<string, double, bool> data = [];
            foreach (bool streaming in new[] { false, true })
            {
                data.Add("429 retry-after-ms", 20, streaming);
                data.Add("429 x-ms-retry-after-ms", 20, streaming);
                data.Add("429 Retry-After in seconds", 20, streaming);
                data.Add("429 Retry-After with a fraction", 19.5, streaming);
                data.Add("429 Retry-After as a date", 20, streaming);
                data.Add("503 with a hint", 20, streaming);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Stated))]
    public async Task A_stated_time_is_kept_to_the_millisecond(string fault, double seconds, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Faults.Named(fault, _time).Times(1));

        await fleet.AskAsync(streaming);
        Assert.True(fleet.StatusOf("east").ReadyIn == seconds.Seconds(), $"{fleet.StatusOf("east").ReadyIn}: {fleet.StatusOf("east").LastError} {fleet.StatusOf("east").LastError?.Exception}");

        _time.Advance(seconds.Seconds() - TimeSpan.FromMilliseconds(1));
        await fleet.AskAsync(streaming, times: 10);
        Assert.Equal(1, fleet.Attempts("east"));

        _time.Advance(TimeSpan.FromMilliseconds(2));
        await AskOneByOneAsync(fleet, streaming, 60);
        Assert.InRange(fleet.Attempts("east"), 28, 36);
        Assert.Equal(72, fleet.Attempts());
        Assert.Equal(EndpointState.Healthy, fleet.StatusOf("east").State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_milliseconds_win_over_the_seconds(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.Status(429).WithHeader("Retry-After", "60").WithHeader("retry-after-ms", "1500"));

        await fleet.AskAsync(streaming);

        Assert.Equal(1.5.Seconds(), fleet.StatusOf("east").ReadyIn);
    }

    [Theory]
    [InlineData("garbage", false)]
    [InlineData("-5", true)]
    [InlineData("0", false)]
    [InlineData("Thu, 01 Jan 1998 00:00:00 GMT", true)]
    public async Task A_hint_that_is_no_time_counts_as_none(string hint, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.Status(429).WithHeader("Retry-After", hint));

        await fleet.AskAsync(streaming);

        Assert.Equal(1.Seconds(), fleet.StatusOf("east").ReadyIn);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_a_hint_the_pause_doubles_while_the_first_call_after_it_is_rejected(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.Throttle());

        List<TimeSpan?> pauses = [];
        for (int i = 0; i < 7; i++)
        {
            int before = fleet.Attempts("east");
            while (fleet.Attempts("east") == before)
            {
                await fleet.AskAsync(streaming);
            }

            pauses.Add(fleet.StatusOf("east").ReadyIn);
            _time.Advance(pauses[^1]!.Value);
        }

        Assert.Equal([1.Seconds(), 2.Seconds(), 4.Seconds(), 8.Seconds(), 16.Seconds(), 30.Seconds(), 30.Seconds()], pauses);
        Assert.Equal(7, fleet.Attempts("east"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_isolated_500_takes_nobody_out(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.Status(500).Times(1));

        await fleet.AskAsync(streaming);
        Assert.Equal(EndpointState.Healthy, fleet.StatusOf("east").State);

        await fleet.AskAsync(streaming, times: 10);
        Assert.Equal([6, 6], [fleet.Attempts("east"), fleet.Attempts("west")]);
    }

    [Theory]
    [InlineData("500", false)]
    [InlineData("500", true)]
    [InlineData("502 HTML", false)]
    [InlineData("reset before headers", true)]
    [InlineData("empty 200", false)]
    [InlineData("HTML 200", true)]
    [InlineData("ended early", true)]
    [InlineData("error in a 200", true)]
    public async Task The_second_fault_in_a_row_takes_it_out_for_a_second(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Faults.Named(fault, _time));

        await fleet.AskAsync(streaming, times: 4);

        Assert.Equal(2, fleet.Attempts("east"));
        Assert.Equal(1.Seconds(), fleet.StatusOf("east").ReadyIn);
    }

    [Theory]
    [InlineData("401", false)]
    [InlineData("403", true)]
    [InlineData("404", false)]
    [InlineData("302 to nowhere", true)]
    public async Task A_misconfigured_endpoint_costs_one_call_and_is_named_in_the_log(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Faults.Named(fault, _time));

        await fleet.AskAsync(streaming, times: 30);

        Assert.Equal(1, fleet.Attempts("east"));
        Assert.Equal(10.Seconds(), fleet.StatusOf("east").ReadyIn);
        Assert.Contains(fleet.Logs.GetSnapshot(), record =>
            record.Level == Microsoft.Extensions.Logging.LogLevel.Error && record.Message.StartsWith("Endpoint 'east' is misconfigured", StringComparison.Ordinal));

        _time.Advance(10.5.Seconds());
        await fleet.AskAsync(streaming, times: 10);
        Assert.Equal(2, fleet.Attempts("east"));
        Assert.Equal(60.Seconds(), fleet.StatusOf("east").ReadyIn);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_hint_of_a_day_speaks_against_the_request_and_cools_nobody(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Time = _time);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Faults.Named("429 for a day", _time).Times(1));
        }

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming, "far too long"));

        Assert.Equal(3, fleet.Attempts());
        Assert.Equal(429, exception.Status);
        Assert.Contains("exceeds the deployment's tokens-per-minute limit", exception.Message, StringComparison.Ordinal);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));

        Assert.NotNull(await fleet.AskAsync(streaming, "short"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pause_of_a_provisioned_deployment_only_passes_its_turn_over(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.Status(429).WithHeader("retry-after-ms", "40").Times(1));

        await fleet.AskAsync(streaming, times: 4);
        Assert.Equal([1, 4], [fleet.Attempts("east"), fleet.Attempts("west")]);
        Assert.Equal(EndpointState.Healthy, fleet.StatusOf("east").State);

        _time.Advance(TimeSpan.FromMilliseconds(41));
        await AskOneByOneAsync(fleet, streaming, 10);
        Assert.Equal([6, 9], [fleet.Attempts("east"), fleet.Attempts("west")]);
    }

    /// <summary>A second passes after each call, in which a pace of one a second has room again.</summary>
    private async Task AskOneByOneAsync(Fleet fleet, bool streaming, int times)
    {
        for (int i = 0; i < times; i++)
        {
            await fleet.AskAsync(streaming);
            _time.Advance(1.1.Seconds());
        }
    }
}
