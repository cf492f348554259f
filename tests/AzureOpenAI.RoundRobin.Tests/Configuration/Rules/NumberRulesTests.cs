using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class NumberRulesTests
{
    [Theory]
    [InlineData(0, "is 0; it must be 1 to 100.")]
    [InlineData(1, null)]
    [InlineData(100, null)]
    [InlineData(101, "is 101; it must be 1 to 100.")]
    public void Weight_Range(int weight, string? expected) => Assert.Equal(expected, NumberRules.Weight(weight));

    [Theory]
    [InlineData(-1, "is -1; it must be 0 to 100.")]
    [InlineData(0, null)]
    [InlineData(100, null)]
    [InlineData(101, "is 101; it must be 0 to 100.")]
    public void Priority_Range(int priority, string? expected) => Assert.Equal(expected, NumberRules.Priority(priority));

    [Theory]
    [InlineData(null, null)]
    [InlineData(0f, null)]
    [InlineData(2f, null)]
    [InlineData(2.1f, "is 2.1; it must be 0 to 2.")]
    [InlineData(-0.1f, "is -0.1; it must be 0 to 2.")]
    [InlineData(float.NaN, "is NaN; it must be 0 to 2.")]
    [InlineData(float.PositiveInfinity, "is Infinity; it must be 0 to 2.")]
    public void Temperature_Range(float? temperature, string? expected) => Assert.Equal(expected, NumberRules.Temperature(temperature));

    [Theory]
    [InlineData(null, null)]
    [InlineData(1, null)]
    [InlineData(0, "is 0; it must be 1 or more.")]
    public void AtLeastOne_Range(int? number, string? expected) => Assert.Equal(expected, NumberRules.AtLeastOne(number));

    [Theory]
    [InlineData(0, null)]
    [InlineData(int.MaxValue, null)]
    [InlineData(-1, "is -1; it must be 0 or more.")]
    public void AtLeastZero_Range(int number, string? expected) => Assert.Equal(expected, NumberRules.AtLeastZero(number));

    [Theory]
    [InlineData("00:00:00", true)]
    [InlineData("01:00:00", true)]
    [InlineData("01:00:01", false)]
    [InlineData("-00:00:00.001", false)]
    public void Wait_IsFinite(string wait, bool good) => Assert.Equal(good, NumberRules.Wait(TimeSpan.Parse(wait, null)) is null);

    [Theory]
    [InlineData("00:00:00.001", true)]
    [InlineData("1.00:00:00", true)]
    [InlineData("-00:00:00.001", true)] // Timeout.InfiniteTimeSpan
    [InlineData("00:00:00", false)]
    [InlineData("1.00:00:01", false)]
    [InlineData("-00:00:01", false)]
    public void Timeout_IsPositiveOrInfinite(string timeout, bool good) => Assert.Equal(good, NumberRules.Timeout(TimeSpan.Parse(timeout, null)) is null);
}
