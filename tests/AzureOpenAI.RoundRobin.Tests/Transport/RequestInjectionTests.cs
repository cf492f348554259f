using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>Whatever a setting is made to contain, it is refused, or a request goes where it should and says nothing else.</summary>
public class RequestInjectionTests
{
    private static readonly Gen<string> Evil = Gen.OneOf(
        Gen.OneOf(
            "gpt-4o", "2024-10-21", "\r", "\n", "\r\nX-Evil: 1", "%0d%0aX-Evil: 1", "/", "\\", "%2f", "%2F..", "%5c", "..", "../", "/../../admin", "%2e%2e", "?x=1", "&x=1", "=", "#x", "%23", "@evil.example", "user:pass@",
            "//evil.example", ":", ";", ",", " ", "\t", "\u0000", "\u2028", "\u202E", "\u2024\u2024", "\uFF0F", "\uFF0E\uFF0E", "é", "🌍", "\"", "'", "<", ">", "{0}", "$(x)"),
        Gen.Char.Select(static c => $"{c}")).Array[1, 4].Select(static parts => string.Concat(parts));

    private static readonly Gen<string?> Perhaps = Gen.Frequency((1, Gen.Const((string?)null)), (2, Evil.Select(static text => (string?)text)));

    [Fact]
    public async Task ASetting_ThatIsNotRefused_StaysInItsPlace() =>
        await Gen.Select(Perhaps, Perhaps, Perhaps, Perhaps, Perhaps, Gen.Bool, Gen.Bool).SampleAsync(static async (name, deployment, mapped, version, key, isV1, streaming) =>
        {
            string host = isV1 ? "https://one.openai.azure.com/openai/v1" : "https://one.openai.azure.com";
            ServicePool pool;
            try
            {
                pool = new(["one"], (_, entry) =>
                {
                    entry.Endpoint = new Uri(host);
                    (entry.Name, entry.DeploymentName, entry.ApiKey) = (name, deployment ?? "gpt", key ?? entry.ApiKey);
                    entry.ApiVersion = isV1 ? null : version;
                    if (mapped is not null)
                    {
                        entry.Deployments["model"] = mapped;
                    }
                });
            }
            catch (OptionsValidationException)
            {
                return;
            }

            using (pool)
            {
                await pool.AskAsync(streaming);
                await pool.AskAsync(streaming, new() { ModelId = "model" });

                Assert.Equal(2, pool.Service.Requests.Length);
                foreach ((int i, FakeService.Request request) in pool.Service.Requests.Index())
                {
                    string expected = (i == 1 ? mapped : null)?.Trim() ?? (deployment ?? "gpt").Trim();
                    AssertInPlace(request, isV1 ? null : expected, string.IsNullOrWhiteSpace(version) ? null : version.Trim());
                    Assert.Equal((key ?? ServicePool.KeyOf("one")).Trim(), request.Header("api-key"));
                    Assert.Null(request.Header("X-Evil"));
                    Assert.Null(request.Header("Authorization"));
                    Assert.True(!isV1 || i == 1 || request.Model == expected);
                }
            }
        }, iter: 1_000);

    [Theory]
    [InlineData("https://one.openai.azure.com@evil.example")]
    [InlineData("https://one.openai.azure.com:443@evil.example/")]
    [InlineData("https://one.openai.azure.com/?@evil.example")]
    [InlineData("https://one.openai.azure.com/#@evil.example")]
    [InlineData("http://one.openai.azure.com")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("http://127.0.0.1.evil.example")]
    [InlineData("http://0.0.0.0")]
    [InlineData("http://[::]")]
    [InlineData("http://[::ffff:10.0.0.1]")]
    [InlineData("http://169.254.169.254")]
    [InlineData("ws://127.0.0.1")]
    [InlineData("file:///etc/hosts")]
    [InlineData("//one.openai.azure.com")]
    public void AnAddress_ThatLeadsElsewhereOrInClearText_IsRefused(string address) =>
        Assert.Throws<OptionsValidationException>(() => new ServicePool(["one"], (_, entry) => entry.Endpoint = new Uri(address, UriKind.RelativeOrAbsolute)));

    private static void AssertInPlace(FakeService.Request request, string? deployment, string? version)
    {
        Uri address = request.Address;
        Assert.Equal(("https", "one.openai.azure.com", "", ""), (address.Scheme, address.Host, address.UserInfo, address.Fragment));
        if (deployment is null)
        {
            Assert.Equal(("/openai/v1/chat/completions", ""), (address.AbsolutePath, address.Query));
            return;
        }

        Assert.Equal(6, address.Segments.Length);
        Assert.Equal("/openai/deployments/", string.Concat(address.Segments[..3]));
        Assert.Equal(deployment, Uri.UnescapeDataString(address.Segments[3].TrimEnd('/')));
        Assert.Equal("chat/completions", string.Concat(address.Segments[4..]));
        Assert.Equal($"?api-version={version ?? "2024-10-21"}", address.Query);
    }
}
