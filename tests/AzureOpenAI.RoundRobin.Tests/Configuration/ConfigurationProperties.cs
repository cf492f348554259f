using System.Globalization;
using System.Text;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using CsCheck;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

/// <summary>What holds for every input, not only for those somebody thought of.</summary>
public sealed class ConfigurationProperties
{
    private static readonly string[] Names =
    [
        "AZURE_OPENAI_ENDPOINT", "azure_openai_api_key", "AZURE_OPENAI_API_KEY", "model", "azure_deployment", "api_version",
        "temperature", "max_tokens", "name", "weight", "priority", "requests_per_minute", "tokens_per_minute", "deployments", "unknown", Given.Key,
    ];

    private static readonly Gen<string> Token = Gen.OneOf(
        Gen.OneOf("[", "]", "{", "}", ",", ":", "\"", "null", "true", "nul", "-", "1e9", " ", "\n", "//", "/*", "\\", "\\u", "\\uD800", "\uFEFF", "'", "0.7"),
        Gen.OneOf(Names).Select(static name => $"\"{name}\":"),
        Gen.OneOf($"\"{Given.Key}\"", Given.Key, "n" + Given.Key, "t" + Given.Key, "f" + Given.Key),
        Gen.String[0, 5]);

    private static readonly Gen<string> Garbage = Token.Array[0, 30].Select(static tokens => string.Concat(tokens));

    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.OneOf(
            Given.Key, Given.Address, "https://a.example/openai/v1", "http://a.example", $"https://{Given.Key}@a.example/?{Given.Key}",
            $"https://a.openai.azure.com/openai/deployments/{Given.Key}/chat/completions?api-version={Given.Key}", $"https://a{Given.Key}.openai.azure.com/v1", "https://a.openai.azure.com/openai/deployments/mine?api-version=1",
            "1", "0.5", "2024-02-01", "", " ", "a/b", "x" + Given.Key, "\u0000", "\uD800"),
        Gen.String[0, 8]);

    private static readonly Gen<Value> Leaf = Gen.OneOf(
        Text.Select(static text => new Value(Text: text)),
        Gen.OneOf("null", "true", "0", "1", "-5", "1e400", "0.5", "123456789012345678901234567890").Select(static raw => new Value(Raw: raw)));

    private static readonly Gen<Value> Pairs = Gen.Select(Text, Leaf).Array[0, 3].Select(static members => new Value(Members: members));

    private static readonly Gen<Value> Entry =
        Gen.Select(Gen.OneOf(Names), Gen.Frequency((8, Leaf), (1, Pairs), (1, Leaf.Array[0, 2].Select(static items => new Value(Items: items)))))
            .Array[0, 8].Select(static members => new Value(Members: members));

    private static readonly Gen<Value> Connection = Gen.Frequency((9, Entry), (1, Leaf)).Array[0, 4].Select(static items => new Value(Items: items));

    [Fact]
    public void ForEnvironment_AnyText_OnlyThrowsTheOneExceptionAndLeaksNothing()
    {
        Garbage.Sample(static json => AssertSafe(() => Given.Read(Form.Json, json)), iter: 3_000);
    }

    [Fact]
    public void ForEnvironment_AnyJson_OnlyThrowsTheOneExceptionAndLeaksNothing()
    {
        Connection.Sample(static value => AssertSafe(() => Given.Read(Form.Json, value.ToJson())), iter: 3_000);
    }

    [Fact]
    public void ForServices_AnySection_OnlyThrowsTheOneExceptionAndLeaksNothing()
    {
        Connection.Sample(
            static value =>
            {
                Dictionary<string, string?> flat = new(StringComparer.OrdinalIgnoreCase);
                value.Flatten("Pool", flat);
                AssertSafe(() => Given.Services(section: Given.Configuration([.. flat.Select(pair => (pair.Key, pair.Value))]).GetSection("Pool")));
            },
            iter: 1_000);
    }

    [Fact]
    public void ForServices_AnyVariables_OnlyThrowTheOneExceptionAndLeakNothing()
    {
        Gen.Select(Text, Text, Text, Text, Garbage).Sample(
            static (value, address, deployment, version, connection) =>
            {
                Func<string, string?> environment = Given.Environment(
                    (VariableNames.Switch, value), (VariableNames.Endpoint, address), (VariableNames.ApiKey, Given.Key),
                    (VariableNames.Deployment, deployment), (VariableNames.ApiVersion, version), (VariableNames.Connection, connection));
                AssertSafe(() => Given.Services(new RoundRobinOptions(), environment: environment));
            },
            iter: 1_000);
    }

    [Fact]
    public void ForPool_AnyCode_OnlyThrowsTheOneExceptionAndLeaksNothing()
    {
        Gen.Select(Text, Text, Text, Text, Text, Gen.Int[-1, 102], Gen.Single).Array[1, 4].Sample(
            static endpoints =>
            {
                RoundRobinOptions options = new();
                foreach ((string address, string name, string key, string deployment, string version, int number, float temperature) in endpoints)
                {
                    EndpointOptions endpoint = new()
                    {
                        Endpoint = Uri.TryCreate(address, UriKind.RelativeOrAbsolute, out Uri? uri) ? uri : null,
                        Name = name,
                        ApiKey = key,
                        DeploymentName = deployment,
                        ApiVersion = version,
                        Weight = number,
                        Priority = number,
                        MaxOutputTokens = number,
                        RequestsPerMinute = number,
                        TokensPerMinute = 102 - number,
                        Temperature = temperature,
                    };
                    endpoint.Deployments[name] = deployment;
                    Assert.DoesNotContain(Given.Key, endpoint.ToString(), StringComparison.OrdinalIgnoreCase);
                    options.Endpoints.Add(endpoint);
                }

                AssertSafe(() => ConfigurationResolver.ForPool(options));
            },
            iter: 1_000);
    }

    [Fact]
    public void Read_AnyValidConfiguration_RoundTripsInBothForms()
    {
        Gen<string> name = Gen.Char["abcxyz019-_."].Array[1, 12].Select(static letters => "n" + new string(letters).Replace("..", "-", StringComparison.Ordinal));
        Gen<Written> written =
            from path in Gen.OneOf("", "/", "/gate/x", "/openai/v1", "/gate/openai/v1/")
            from deployment in name
            from models in Gen.Select(name, name).Array[0, 3]
            from numbers in Gen.Select(Gen.Int[0, 20], Gen.Int[1, 100_000], Gen.Int[1, 100], Gen.Int[0, 100])
            from limits in Gen.Select(Gen.Int[1, 1_000], Gen.Int[1_000, 1_000_000])
            from flags in Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool)
            select new Written(path, deployment, models, numbers.Item1 / 10f, numbers.Item2, numbers.Item3, numbers.Item4, limits, flags.Item1, flags.Item2, flags.Item3);

        written.Array[1, 6].Sample(
            static entries =>
            {
                string json = $"[{string.Join(',', entries.Select((entry, i) => entry.ToJson(i)))}]";
                foreach (Form form in Enum.GetValues<Form>())
                {
                    Resolution resolution = Given.Read(form, json, new RoundRobinOptions());
                    Assert.Empty(resolution.Warnings);
                    Assert.Equal(entries.Length, resolution.Settings.Endpoints.Count);
                    for (int i = 0; i < entries.Length; i++)
                    {
                        entries[i].AssertSame(i, resolution.Settings.Endpoints[i]);
                    }
                }
            },
            iter: 200);
    }

    private static void AssertSafe(Func<Resolution> resolve)
    {
        try
        {
            Resolution resolution = resolve();
            Assert.DoesNotContain(resolution.Warnings, warning => warning.Contains(Given.Key, StringComparison.OrdinalIgnoreCase));
            Assert.All(resolution.Settings.Endpoints, endpoint =>
            {
                Assert.DoesNotContain(Given.Key, endpoint.Name, StringComparison.OrdinalIgnoreCase);
                Assert.NotNull(endpoint.Deployment);
                Assert.Equal("https", endpoint.Address!.Scheme);
            });
        }
        catch (OptionsValidationException exception)
        {
            Assert.DoesNotContain(Given.Key, exception.ToString(), StringComparison.OrdinalIgnoreCase);
            Assert.Null(exception.InnerException);
            Assert.NotEmpty(exception.Failures);
            Assert.All(exception.Failures, failure => Assert.DoesNotContain(failure, char.IsControl));
        }
    }

    /// <summary>A JSON value that need not be valid: duplicate names and half characters are meant.</summary>
    private sealed record Value(string? Text = null, string? Raw = null, (string Name, Value Value)[]? Members = null, Value[]? Items = null)
    {
        public string ToJson() =>
            Text is not null ? Quote(Text)
            : Raw is not null ? Raw
            : Members is not null ? $"{{{string.Join(',', Members.Select(member => $"{Quote(member.Name)}:{member.Value.ToJson()}"))}}}"
            : $"[{string.Join(',', Items!.Select(item => item.ToJson()))}]";

        public void Flatten(string path, Dictionary<string, string?> into)
        {
            foreach ((string name, Value value) in Members ?? Items?.Select((item, i) => (i.ToString(CultureInfo.InvariantCulture), item)) ?? [])
            {
                value.Flatten($"{path}:{name}", into);
            }

            if (Members is null && Items is null)
            {
                into[path] = Raw == "null" ? null : Text ?? Raw;
            }
        }

        private static string Quote(string text)
        {
            StringBuilder quoted = new("\"");
            foreach (char c in text)
            {
                quoted.Append(char.IsAsciiLetterOrDigit(c) ? c.ToString() : $"\\u{(int)c:X4}");
            }

            return quoted.Append('"').ToString();
        }
    }

    private sealed record Written(
        string Path, string Deployment, (string Model, string Deployment)[] Models, float Temperature, int MaxTokens, int Weight, int Priority,
        (int Requests, int Tokens) PerMinute, bool HasName, bool HasVersion, bool InQuotes)
    {
        private bool IsV1 => Path.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal);

        public string ToJson(int index)
        {
            Dictionary<string, object> members = new()
            {
                ["AZURE_OPENAI_ENDPOINT"] = $"https://host{index}.example{Path}",
                ["AZURE_OPENAI_API_KEY"] = Given.Key,
                [InQuotes ? "model" : "azure_deployment"] = Deployment,
                ["temperature"] = InQuotes ? Temperature.ToString(CultureInfo.InvariantCulture) : Temperature,
                ["max_tokens"] = InQuotes ? MaxTokens.ToString(CultureInfo.InvariantCulture) : MaxTokens,
                ["weight"] = Weight,
                ["priority"] = Priority,
                ["requests_per_minute"] = InQuotes ? PerMinute.Requests.ToString(CultureInfo.InvariantCulture) : PerMinute.Requests,
                ["tokens_per_minute"] = PerMinute.Tokens,
            };
            if (Map().Count > 0)
            {
                members["deployments"] = Map();
            }

            if (HasName)
            {
                members["name"] = $"endpoint {index}";
            }

            if (HasVersion && !IsV1)
            {
                members["api_version"] = "2025-04-01-preview";
            }

            return JsonSerializer.Serialize(members);
        }

        public void AssertSame(int index, EndpointSettings endpoint)
        {
            Assert.Equal(HasName ? $"endpoint {index}" : $"host{index}", endpoint.Name);
            Assert.Equal(IsV1 ? EndpointKind.V1 : EndpointKind.Classic, endpoint.Kind);
            Assert.Equal($"https://host{index}.example{Path.TrimEnd('/')}/", endpoint.Address!.AbsoluteUri);
            Assert.Equal(Given.Key, endpoint.ApiKey);
            Assert.Equal(Deployment, endpoint.Deployment);
            Assert.Equal((Temperature, MaxTokens, Weight, Priority), (endpoint.Temperature!.Value, endpoint.MaxOutputTokens!.Value, endpoint.Weight, endpoint.Priority));
            Assert.Equal(PerMinute, (endpoint.RequestsPerMinute!.Value, endpoint.TokensPerMinute!.Value));
            Assert.Equal(HasVersion && !IsV1 ? "2025-04-01-preview" : null, endpoint.ApiVersion);
            Assert.Equal(Map().Count, endpoint.Deployments.Count);
            Assert.All(Map(), pair => Assert.Equal(pair.Value, endpoint.Deployments[pair.Key]));
        }

        private Dictionary<string, string> Map()
        {
            Dictionary<string, string> map = [];
            foreach ((string model, string deployment) in Models)
            {
                map[model] = deployment;
            }

            return map;
        }
    }
}
