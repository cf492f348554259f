using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class KnownKeysTests
{
    private const string Key = "0123456789abcdef0123456789ABCDEF";

    [Theory]
    [InlineData("nothing", "nothing")]
    [InlineData($"a {Key} b", "a (key) b")]
    [InlineData($"{Key}{Key}", "(key)")]
    [InlineData("a 89abcdef b", "a (key) b")]
    [InlineData("a 89ABCDEF01 b", "a (key) b")]
    [InlineData("a 89abcde b", "a 89abcde b")]
    [InlineData("a 89abcdeX89abcdef", "a 89abcdeX(key)")]
    [InlineData("hunter2hunter2 hunter2hunter", "(key) hunter2hunter")]
    [InlineData("HUNTER2HUNTER2", "(key)")]
    [InlineData("a hunter22", "a (key)")]
    [InlineData("hunter2", "hunter2")]
    [InlineData("short", "short")]
    [InlineData("", "")]
    public void BlotOut_KeysAndPartsOfThoseThatLookLikeOne(string text, string expected)
    {
        KnownKeys keys = Known();

        Assert.Equal(expected, keys.BlotOut(text));
    }

    [Theory]
    [InlineData($"x{Key}x", true)]
    [InlineData("0123456789abcdef", false)]
    [InlineData("a hunter2hunter2", true)]
    [InlineData("hunter2hunter2longer", true)]
    [InlineData("a hunter22", true)]
    [InlineData("hunter2", false)]
    [InlineData("short", false)]
    [InlineData("", false)]
    public void AreIn_WholeKeysOnly(string text, bool expected) => Assert.Equal(expected, Known().AreIn(text));

    [Theory]
    [InlineData("0123456789abcdef0123456789abcx7z", "a 89abcx7z b", "a (key) b")]
    [InlineData("sk-0123456789abcdef0123456789abcdef", "a 89abcdef b", "a 89abcdef b")]
    public void BlotOut_PartsOfAKeyOfLettersAndDigitsOnly_UpToItsEnd(string key, string text, string expected)
    {
        KnownKeys keys = new();
        keys.Add(key);

        Assert.Equal(expected, keys.BlotOut(text));
    }

    [Fact]
    public void BlotOut_OfTwoThatBeginAlike_TheLonger() => Assert.Equal("(key).", Known().BlotOut("hunter2hunter2longer."));

    [Fact]
    public void Add_AfterABlotting_CountsForTheNext()
    {
        KnownKeys keys = Known();
        _ = keys.BlotOut("anything at all");

        keys.Add("fedcba9876543210fedcba9876543210");

        Assert.Equal("x (key)", keys.BlotOut("x 76543210fe"));
    }

    private static KnownKeys Known()
    {
        KnownKeys keys = new();
        foreach (string key in new[] { Key, "hunter2hunter2", "hunter2hunter2longer", "hunter22", "hunter2", "short" })
        {
            keys.Add(key);
        }

        return keys;
    }
}
