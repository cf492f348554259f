using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>The calls a second that were admitted lately, by what was sent and what of it was rejected.</summary>
public class AdmittedRateTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly AdmittedRate _rate;

    public AdmittedRateTests()
    {
        _rate = new(_time);
        _rate.Begin(50, _time.GetTimestamp());
    }

    [Fact]
    public void Begin_IsKnownFromElsewhere_IsThat() => Assert.Equal(50, _rate.PerSecond, 6);

    [Theory]
    [InlineData(10)]
    [InlineData(50)]
    [InlineData(200)]
    public void Sent_AtOneRate_IsThatRate(double perSecond)
    {
        Send(perSecond, seconds: 8);

        Assert.InRange(_rate.PerSecond, perSecond - 1, perSecond + 1);
    }

    [Fact]
    public void Rejected_HalfOfWhatIsSent_IsHalf()
    {
        Send(100, seconds: 8, rejectEach: 2);

        Assert.InRange(_rate.PerSecond, 49, 51);
    }

    [Fact]
    public void Sent_NothingForSomeSeconds_IsNearNothing()
    {
        _time.Advance(TimeSpan.FromSeconds(5));
        _rate.Sent(_time.GetTimestamp());

        Assert.InRange(_rate.PerSecond, 1, 1.5);
    }

    [Fact]
    public void Rejected_MoreThanWasSent_IsNothing()
    {
        for (int i = 0; i < 99; i++)
        {
            _rate.Rejected(_time.GetTimestamp());
        }

        Assert.Equal(0, _rate.PerSecond);
        _rate.Sent(_time.GetTimestamp());
        Assert.Equal(1, _rate.PerSecond, 6);
    }

    [Fact]
    public void Begin_WithFewCallsASecond_LooksFurtherBack()
    {
        _rate.Begin(2, _time.GetTimestamp());
        _time.Advance(TimeSpan.FromSeconds(10));
        _rate.Sent(_time.GetTimestamp());

        // Ten of its seconds have gone by, in which a rate over one second would be forgotten.
        Assert.InRange(_rate.PerSecond, 0.7, 0.9);
    }

    private void Send(double perSecond, double seconds, int rejectEach = int.MaxValue)
    {
        for (int i = 1; i <= seconds * perSecond; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1 / perSecond));
            _rate.Sent(_time.GetTimestamp());
            if (i % rejectEach == 0)
            {
                _rate.Rejected(_time.GetTimestamp());
            }
        }
    }
}
