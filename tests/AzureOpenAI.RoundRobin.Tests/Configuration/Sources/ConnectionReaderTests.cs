using AzureOpenAI.RoundRobin.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class ConnectionReaderTests
{
    private const string Everything = """
        [{
          "AZURE_OPENAI_ENDPOINT": "https://east.openai.azure.com/",
          "AZURE_OPENAI_API_KEY": "0123456789abcdef0123456789ABCDEF",
          "azure_deployment": "gpt-4o-east",
          "api_version": "2025-04-01-preview",
          "temperature": 0.7,
          "max_tokens": 800,
          "name": "first",
          "weight": 5,
          "priority": 1,
          "requests_per_minute": 600,
          "tokens_per_minute": 100000,
          "deployments": { "gpt-4.1": "big", "o3": "thinker" }
        }]
        """;

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Read_EveryKey_Arrives(Form form)
    {
        EndpointSettings endpoint = Assert.Single(Given.Read(form, Everything, new RoundRobinOptions()).Settings.Endpoints);

        Assert.Equal("first", endpoint.Name);
        Assert.Equal(EndpointKind.Classic, endpoint.Kind);
        Assert.Equal("https://east.openai.azure.com/", endpoint.Address!.AbsoluteUri);
        Assert.Equal(Given.Key, endpoint.ApiKey);
        Assert.Equal("gpt-4o-east", endpoint.Deployment);
        Assert.Equal("2025-04-01-preview", endpoint.ApiVersion);
        Assert.Equal(0.7f, endpoint.Temperature);
        Assert.Equal(800, endpoint.MaxOutputTokens);
        Assert.Equal(5, endpoint.Weight);
        Assert.Equal(1, endpoint.Priority);
        Assert.Equal((600, 100_000), (endpoint.RequestsPerMinute!.Value, endpoint.TokensPerMinute!.Value));
        Assert.Equal(["big", "thinker"], new[] { "GPT-4.1", "o3" }.Select(model => endpoint.Deployments[model]));
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Read_NamesInAnyCase_Arrive(Form form)
    {
        string json = $$"""[{"azure_openai_endpoint":"{{Given.Address}}","Azure_OpenAI_Api_Key":"{{Given.Key}}","MODEL":"m","Max_Tokens":7}]""";

        Resolution resolution = Given.Read(form, json);

        EndpointSettings endpoint = Assert.Single(resolution.Settings.Endpoints);
        Assert.Equal("m", endpoint.Deployment);
        Assert.Equal(7, endpoint.MaxOutputTokens);
        Assert.Empty(resolution.Warnings);
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Read_NumbersInQuotes_Arrive(Form form)
    {
        string json = $"[{Given.Entry("""
            "temperature":"1.5","max_tokens":" 12 ","weight":"3","priority":"2","Requests_Per_Minute":"60","TOKENS_PER_MINUTE":" 600 "
            """)}]";

        EndpointSettings endpoint = Assert.Single(Given.Read(form, json).Settings.Endpoints);

        Assert.Equal((1.5f, 12, 3, 2), (endpoint.Temperature!.Value, endpoint.MaxOutputTokens!.Value, endpoint.Weight, endpoint.Priority));
        Assert.Equal((60, 600), (endpoint.RequestsPerMinute!.Value, endpoint.TokensPerMinute!.Value));
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Read_WhitespaceAroundText_IsTrimmed(Form form)
    {
        string json = $$"""[{"AZURE_OPENAI_ENDPOINT":" {{Given.Address}} ","AZURE_OPENAI_API_KEY":"{{Given.Key}}\r\n","name":" a ","model":"\tm"}]""";

        EndpointSettings endpoint = Assert.Single(Given.Read(form, json).Settings.Endpoints);

        Assert.Equal((Given.Key, "a", "m"), (endpoint.ApiKey, endpoint.Name, endpoint.Deployment));
    }

    [Theory]
    [InlineData(Form.Json, "\"weight\":\"five\"", "weight is not a whole number; write digits only.")]
    [InlineData(Form.Section, "\"weight\":\"five\"", "weight is not a whole number; write digits only.")]
    [InlineData(Form.Json, "\"weight\":1.5", "weight is not a whole number; write digits only.")]
    [InlineData(Form.Section, "\"weight\":1.5", "weight is not a whole number; write digits only.")]
    [InlineData(Form.Json, "\"max_tokens\":99999999999", "max_tokens is not a whole number; write digits only.")]
    [InlineData(Form.Section, "\"max_tokens\":99999999999", "max_tokens is not a whole number; write digits only.")]
    [InlineData(Form.Json, "\"requests_per_minute\":\"many\"", "requests_per_minute is not a whole number; write digits only.")]
    [InlineData(Form.Section, "\"requests_per_minute\":\"6k\"", "requests_per_minute is not a whole number; write digits only.")]
    [InlineData(Form.Json, "\"tokens_per_minute\":99999999999", "tokens_per_minute is not a whole number; write digits only.")]
    [InlineData(Form.Section, "\"tokens_per_minute\":null", "tokens_per_minute is null; give a value or leave it out.")]
    [InlineData(Form.Json, "\"temperature\":\"0,7\"", "temperature is not a number; write it like 0.7.")]
    [InlineData(Form.Section, "\"temperature\":\"0,7\"", "temperature is not a number; write it like 0.7.")]
    [InlineData(Form.Json, "\"priority\":true", "priority is true or false; write a whole number.")]
    [InlineData(Form.Json, "\"temperature\":[1]", "temperature is an array; write a number.")]
    [InlineData(Form.Section, "\"temperature\":[1]", "temperature is an array; write a number.")]
    [InlineData(Form.Json, "\"max_tokens\":{\"a\":1}", "max_tokens is an object; write a whole number.")]
    [InlineData(Form.Section, "\"max_tokens\":{\"a\":1}", "max_tokens is an object; write a whole number.")]
    [InlineData(Form.Json, "\"name\":5", "name is a number; write text in quotes.")]
    [InlineData(Form.Json, "\"model\":false", "model is true or false; write text in quotes.")]
    [InlineData(Form.Json, "\"api_version\":{\"a\":\"b\"}", "api_version is an object; write text in quotes.")]
    [InlineData(Form.Section, "\"api_version\":{\"a\":\"b\"}", "api_version is an object; write text in quotes.")]
    [InlineData(Form.Json, "\"azure_deployment\":[\"a\"]", "azure_deployment is an array; write text in quotes.")]
    [InlineData(Form.Section, "\"azure_deployment\":[\"a\"]", "azure_deployment is an array; write text in quotes.")]
    [InlineData(Form.Json, "\"name\":null", "name is null; give a value or leave it out.")]
    [InlineData(Form.Section, "\"name\":null", "name is null; give a value or leave it out.")]
    [InlineData(Form.Json, "\"weight\":null", "weight is null; give a value or leave it out.")]
    [InlineData(Form.Section, "\"weight\":null", "weight is null; give a value or leave it out.")]
    [InlineData(Form.Json, "\"name\":\" \"", "name is empty; give a value or leave it out.")]
    [InlineData(Form.Section, "\"name\":\" \"", "name is empty; give a value or leave it out.")]
    [InlineData(Form.Json, "\"temperature\":\"\"", "temperature is empty; give a value or leave it out.")]
    [InlineData(Form.Section, "\"temperature\":\"\"", "temperature is empty; give a value or leave it out.")]
    [InlineData(Form.Json, "\"deployments\":\"a\"", "deployments is text; write an object of models and their deployments.")]
    [InlineData(Form.Section, "\"deployments\":\"a\"", "deployments is text; write an object of models and their deployments.")]
    [InlineData(Form.Json, "\"deployments\":[\"a\"]", "deployments is an array; write an object of models and their deployments.")]
    [InlineData(Form.Json, "\"deployments\":{\"m\":5}", "deployments has a wrong value at place 1, which is a number; write text in quotes.")]
    [InlineData(Form.Json, "\"deployments\":{\"m\":\"a\",\"n\":null}", "deployments has a wrong value at place 2, which is null; give a value or leave it out.")]
    [InlineData(Form.Section, "\"deployments\":{\"m\":\"a\",\"n\":\"\"}", "deployments has a wrong value at place 2, which is empty; give a value or leave it out.")]
    [InlineData(Form.Json, "\"deployments\":{\"m\":\"a\",\"M\":\"b\"}", "deployments names the same model twice, at place 2; keep one.")]
    [InlineData(Form.Json, "\"Weight\":1,\"weight\":1", "weight is given twice; keep one.")]
    [InlineData(Form.Json, "\"Weight\":1,\"weight\":\"many\"", "weight is given twice; keep one.")]
    [InlineData(Form.Json, "\"model\":\"a\",\"azure_deployment\":\"b\"", "model and azure_deployment differ; both mean the deployment, keep one.")]
    [InlineData(Form.Section, "\"model\":\"a\",\"azure_deployment\":\"b\"", "model and azure_deployment differ; both mean the deployment, keep one.")]
    public void Read_OneThingWrong_IsTheOnlyFaultAndSaysWhatToDo(Form form, string members, string expected)
    {
        Assert.Equal("Endpoint 2: " + expected, Given.Fault(form, $"[{Given.Entry(address: "https://a.example")},{Given.Entry(members)}]"));
    }

    [Fact]
    public void Read_FaultBeforeTheName_CarriesTheName()
    {
        Assert.StartsWith("Endpoint 1 ('west'): weight ", Given.Fault(Form.Json, $"[{Given.Entry("\"weight\":true,\"name\":\"west\"")}]"), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_KeyGivenTwice_ShowsNeither()
    {
        const string Other = "ffffffffffffffffffffffffffffffff";
        string json = $$"""[{"AZURE_OPENAI_ENDPOINT":"{{Given.Address}}","AZURE_OPENAI_API_KEY":"{{Given.Key}}","azure_openai_api_key":"{{Other}}","name":"{{Other}}"}]""";

        string[] faults = Given.Faults(() => Given.Read(Form.Json, json));

        Assert.Contains(faults, fault => fault.EndsWith("AZURE_OPENAI_API_KEY is given twice; keep one.", StringComparison.Ordinal));
        Assert.DoesNotContain(faults, fault => fault.Contains(Other, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_NameGivenTwice_IsNoSecret()
    {
        Assert.Equal(
            "Endpoint 1 ('west-europe'): name is given twice; keep one.",
            Given.Fault(Form.Json, $"[{Given.Entry("\"name\":\"west-europe\",\"Name\":\"west-europe\"")}]"));
    }

    [Theory]
    [InlineData("\"AZURE_OPENAI_ENDPOINT\":5,\"AZURE_OPENAI_API_KEY\":{}", "AZURE_OPENAI_ENDPOINT is a number", "AZURE_OPENAI_API_KEY is an object")]
    [InlineData("\"AZURE_OPENAI_ENDPOINT\":\"\",\"AZURE_OPENAI_API_KEY\":null", "AZURE_OPENAI_ENDPOINT is empty", "AZURE_OPENAI_API_KEY is null")]
    public void Read_GivenButUnreadable_IsNotAlsoMissing(string members, string first, string second)
    {
        string[] faults = Given.Faults(() => Given.Read(Form.Json, $"[{{{members}}}]"));

        Assert.Equal(2, faults.Length);
        Assert.Contains(first, faults[0], StringComparison.Ordinal);
        Assert.Contains(second, faults[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Read_UnreadableDeployment_IsNotAlsoMissing()
    {
        Assert.Contains("model is a number", Given.Fault(() => Given.Read(Form.Json, $"[{Given.Entry("\"model\":4")}]", new RoundRobinOptions())), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Read_ModelAndDeploymentAlike_IsFine(Form form)
    {
        Assert.Equal("a", Given.Read(form, $"[{Given.Entry("\"model\":\"a\",\"azure_deployment\":\"a\"")}]").Settings.Endpoints[0].Deployment);
    }

    [Theory]
    [InlineData("{}", "is an object; write an array of objects, with [ ] around it.")]
    [InlineData("\"[]\"", "is text, not an array; remove the quotes around the JSON array.")]
    [InlineData("5", "is a number; write a JSON array of objects.")]
    [InlineData("true", "is true or false; write a JSON array of objects.")]
    [InlineData("null", "is null; write a JSON array of objects.")]
    [InlineData("[]", "is an empty array; give at least one endpoint in it.")]
    public void Read_NoArrayOfEndpoints_SaysWhatItIs(string json, string expected)
    {
        Assert.Equal("AZURE_OPENAI_ROUND_ROBIN_CONNECTION " + expected, Given.Fault(Form.Json, json));
    }

    [Theory]
    [InlineData(Form.Json, "5", "a number")]
    [InlineData(Form.Json, "null", "null")]
    [InlineData(Form.Section, "null", "null")]
    [InlineData(Form.Json, "\"0123456789abcdef0123456789ABCDEF\"", "text")]
    [InlineData(Form.Section, "\"0123456789abcdef0123456789ABCDEF\"", "text")]
    [InlineData(Form.Json, "[]", "an array")]
    public void Read_ItemIsNoObject_NamesItsPlace(Form form, string item, string kind)
    {
        Assert.Equal($"Endpoint 2: {kind} stands where an object with AZURE_OPENAI_ENDPOINT is expected.", Given.Fault(form, $"[{Given.Entry()},{item}]"));
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Read_UnknownNames_AreWarnedOfOnceWithTheirPlaces(Form form)
    {
        string json = $"[{Given.Entry("\"region\":\"secret-value\"", "https://a.example")},{Given.Entry("\"x\":{\"y\":[\"secret-value\"]},\"Region\":1", "https://b.example")}]";

        IReadOnlyList<string> warnings = Given.Read(form, json).Warnings;

        Assert.Equal(["Endpoint 1, 2: the name 'region' is unknown and ignored.", "Endpoint 2: the name 'x' is unknown and ignored."], warnings.Order());
        Assert.DoesNotContain(warnings, warning => warning.Contains("secret-value", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("7f3e9a1c5b2d8e4f6a0c1b3d5e7f9a2b")]
    [InlineData("AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKl")]
    [InlineData("AZURE_OPENAI_API_KEY=7f3e9a1c5b2d8e4f6a0c1b3d5e7f9a2b")]
    [InlineData("a\\nb")]
    public void Read_UnknownNameThatCouldBeAKey_IsNotShown(string name)
    {
        string warning = Assert.Single(Given.Read(Form.Json, $"[{Given.Entry($"\"{name}\":1")}]").Warnings);

        Assert.DoesNotContain(name, warning, StringComparison.OrdinalIgnoreCase);
        Assert.Matches("^Endpoint 1: a name of [0-9]+ characters, not shown since it could be a key, is unknown and ignored.$", warning);
    }

    [Fact]
    public void Read_UnknownNameIsTheKeyItself_IsNotShown()
    {
        const string Short = "hunter2hunter2";
        string json = $$"""[{"AZURE_OPENAI_ENDPOINT":"{{Given.Address}}","{{Short}}":1,"AZURE_OPENAI_API_KEY":"{{Short}}"}]""";

        Assert.DoesNotContain(Short, Assert.Single(Given.Read(Form.Json, json).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TooManyEndpoints_IsAFault()
    {
        string json = $"[{string.Join(',', Enumerable.Range(0, 4097).Select(i => Given.Entry(address: $"https://e{i}.example")))}]";

        Assert.Equal("AZURE_OPENAI_ROUND_ROBIN_CONNECTION has 4097 endpoints; give at most 4096.", Given.Fault(Form.Json, json));
    }

    [Fact]
    public void Read_ManyEndpoints_KeepTheirOrder()
    {
        string json = $"[{string.Join(',', Enumerable.Range(0, 12).Select(i => Given.Entry(address: $"https://e{i}.example")))}]";

        foreach (Form form in Enum.GetValues<Form>())
        {
            Assert.Equal(Enumerable.Range(0, 12).Select(i => $"e{i}"), Given.Read(form, json).Settings.Endpoints.Select(e => e.Name));
        }
    }
}
