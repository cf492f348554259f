using System.Globalization;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A 5xx, a reset, a failure before content: the first after a success ejects nobody.</summary>
[Trait("Rule", "5.7")]
public class ServerErrorTests
{
    public static TheoryData<string, bool> IsolatedKinds => new MatrixTheoryData<string, bool>(["500", "502", "424", "529", "503", "reset", "unknown", "broken", "json", "499"], [false, true]);

    [Theory]
    [MemberData(nameof(IsolatedKinds))]
    public async Task FirstError_FailsOver_AndTheEndpointStaysAvailable(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Failure(kind));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        Assert.Equal("ab", await pool.AskManyAsync(2, streaming));
    }

    [Theory]
    [MemberData(nameof(IsolatedKinds))]
    public async Task SecondErrorInARow_EjectsTheEndpoint(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = Failure(kind);

        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(1, pool.OutFor(0));
        Assert.Equal(2, pool.Clients[0].Calls);
    }

    [Theory]
    [MemberData(nameof(IsolatedKinds))]
    public async Task ErrorsWithASuccessBetween_NeverEjectTheEndpoint(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Failure(kind), null, Failure(kind), null, Failure(kind));
        for (int i = 0; i < 10; i++)
        {
            await pool.AskAsync(streaming);
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        }
    }

    private static Exception Failure(string kind) => kind switch
    {
        "reset" => FakeFailure.Reset(),
        "unknown" => new InvalidOperationException("unknown"),
        "broken" => new IOException("broken"),
        "json" => new JsonException("broken"),
        _ => FakeFailure.Status(int.Parse(kind, CultureInfo.InvariantCulture)),
    };
}
