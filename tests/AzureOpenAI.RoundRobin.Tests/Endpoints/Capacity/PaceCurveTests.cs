using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public sealed class PaceCurveTests
{
    [Fact]
    public void AfterACut_TheRateIsFlatAboutThePlateau_AndGoesBeyondIt()
    {
        PaceCurve cut = new(Plateau: 100, Cut: 0.1, Along: 0, Back: 2);
        Assert.Equal(90, cut.PerSecond, 9);
        Assert.Equal(98.75, cut.After(1).PerSecond, 9);
        Assert.Equal(100, cut.After(2).PerSecond, 9);
        Assert.Equal(200, cut.After(2).After(2).PerSecond, 9);
        // Where the way back is long, the rate doubles within 5 s all the same.
        Assert.Equal(200, new PaceCurve(100, 0.1, 1, 30).After(5).PerSecond, 9);
    }

    /// <summary>The same as adding up the calls in small steps.</summary>
    [Fact]
    public void SecondsOf_AddUpToTheCalls() =>
        Gen.Select(Gen.Double[0.01, 5_000], Gen.Double[0, 0.5], Gen.Double[0, 5], Gen.Double[1, 30], Gen.Double[0, 2_000]).Sample((plateau, cut, along, back, calls) =>
        {
            PaceCurve curve = new(plateau, cut, along, back);
            double seconds = curve.SecondsOf(calls);
            Assert.InRange(seconds, 0, (calls / curve.PerSecond) + 1e-6);

            const int Steps = 4_000;
            double gone = 0;
            for (int i = 0; i < Steps; i++)
            {
                gone += curve.After(seconds / Steps / 2).PerSecond * seconds / Steps;
                curve = curve.After(seconds / Steps);
            }

            // The step across the plateau is of the way back.
            Assert.InRange(gone, (0.995 * calls) - 0.01, (1.005 * calls) + 0.01);
        }, iter: 2_000);
}
