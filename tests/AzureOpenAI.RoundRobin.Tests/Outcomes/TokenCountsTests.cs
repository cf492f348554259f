using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

public class TokenCountsTests
{
    [Fact]
    public void Of_WhatIsMissingOrSenseless_IsNothing()
    {
        Assert.True(TokenCounts.Of(new UsageDetails()).IsEmpty);
        Assert.Equal(new TokenCounts(0, 3, 0), TokenCounts.Of(new UsageDetails { InputTokenCount = -1, OutputTokenCount = 3 }));
    }

    [Theory]
    [InlineData(0, 0, 0, 0, true)]
    [InlineData(7, 0, 0, 7, false)]
    [InlineData(7, 3, 0, 3, false)]
    [InlineData(0, 3, 0, 3, false)]
    [InlineData(0, 0, 4, 0, false)]
    [InlineData(1, 2, 0, 2, false)]
    public void Length_IsTheAnswersOrElseThePrompts(long input, long output, long cached, long length, bool isEmpty)
    {
        TokenCounts counts = new(input, output, cached);

        Assert.Equal((length, isEmpty), (counts.Length, counts.IsEmpty));
    }

    [Theory]
    [InlineData(10, 1, 10, 5, 10, 5)] // the same request, with more of its answer
    [InlineData(10, 5, 10, 5, 10, 5)] // the same once more
    [InlineData(10, 1, 0, 4, 10, 5)] // the prompt first, the rest of the answer after
    [InlineData(10, 5, 30, 8, 40, 13)] // a second request, whose prompt has grown by a tool's result
    [InlineData(0, 3, 0, 4, 0, 7)] // no prompt to tell them by
    public void Then_AddsWhatIsNew(long input, long output, long nextInput, long nextOutput, long allInput, long allOutput) =>
        Assert.Equal(new TokenCounts(allInput, allOutput, 0), new TokenCounts(input, output, 0).Then(new(nextInput, nextOutput, 0)));
}
