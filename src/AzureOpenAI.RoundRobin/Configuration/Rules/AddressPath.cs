namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The path of an address: what comes in front of the requests' own paths, and what a portal's Target URI adds to that.</summary>
internal sealed class AddressPath
{
    private const string Root = "openai";
    private const string V1 = "v1";
    private const string Deployments = "deployments";
    private const string Chat = "chat/completions";
    private const string Embeddings = "embeddings";

    /// <summary>What may follow a deployment.</summary>
    private static readonly string[] Operations =
        [Chat, Embeddings, "completions", "audio/transcriptions", "audio/translations", "audio/speech", "images/generations", "images/edits"];

    private static readonly string[] V1Operations = [.. Operations, "responses", "models"];

    private readonly AzureHost _host;
    private readonly EndpointApi _api;
    private readonly string[] _segments;
    private readonly string _right;

    private AddressPath(Uri address, AzureHost host, EndpointApi api)
    {
        _host = host;
        _api = api;
        // The case counts in the name of a deployment only, and spaces nowhere.
        _segments = [.. address.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(static segment => Uri.UnescapeDataString(segment).Trim())];
        _right = TextRules.CanQuote(AddressRules.HostOf(address)) && host == AzureHost.Resource ? $"https://{AddressRules.HostOf(address)}{(address.IsDefaultPort ? "" : $":{address.Port}")}" : "https://my-resource.openai.azure.com";
        Value = address.AbsolutePath;
        Judge();
    }

    /// <summary>In front of what requests add. Of no meaning where there is a fault.</summary>
    public string Value { get; private set; }

    public EndpointKind Kind { get; private set; }

    /// <summary>Null where the path names none.</summary>
    public string? Deployment { get; private set; }

    /// <summary>What stood after <see cref="Deployment"/>, or null.</summary>
    public string? Operation { get; private set; }

    /// <summary>What is wrong, in words that follow the name of the setting, or null.</summary>
    public string? Fault { get; private set; }

    public static bool Chats(string operation) => operation == Chat;

    public static bool Embeds(string operation) => operation == Embeddings;

    public static AddressPath Read(Uri address, AzureHost host, EndpointApi api) => new(address, host, api);

    /// <summary>How to write it at a host whose paths are known; elsewhere the path is the user's, which only they can mend.</summary>
    public string Right(string elsewhere, string? path = null) =>
        _host != AzureHost.Resource ? elsewhere
        : _api == EndpointApi.Responses ? $"write {_right}/openai/v1."
        : path is not null ? $"write {_right}{path}."
        : $"write {_right} for the classic route, or {_right}/openai/v1 for the v1 route.";

    private void Judge()
    {
        Fault = _host switch
        {
            AzureHost.NoResource => "has no resource in front of its host; write it like https://my-resource.openai.azure.com.",
            AzureHost.Portal => "is the address of a portal, a page for people; write that of the resource, like https://my-resource.openai.azure.com.",
            AzureHost.OpenAI => "is the address of OpenAI's own service, which is not Azure's; pass a ready-made ChatClient for it.",
            _ => null,
        };
        if (Fault is not null)
        {
            return;
        }

        int[] routes = [.. Enumerable.Range(0, Math.Max(0, _segments.Length - 1)).Where(i => Is(Root)(_segments[i]) && (Is(Deployments)(_segments[i + 1]) || Is(V1)(_segments[i + 1])))];
        switch (routes)
        {
            case []:
                Fault = _segments is [.., var last] && Is(Root)(last)
                    ? "ends in /openai; " + Right(_api == EndpointApi.Responses ? "end it in /openai/v1." : "leave that off for the classic route, or end in /openai/v1 for the v1 route.")
                    : JudgePrefix(_segments.Length);
                CompleteToV1();
                break;
            case [var start] when Is(V1)(_segments[start + 1]):
                JudgeV1(start);
                break;
            case [_] when _api == EndpointApi.Responses:
                Fault = "is one of the classic route, /openai/deployments, which has no Responses API; " + Right("end it in /openai/v1.");
                break;
            case [var start]:
                JudgeDeployment(start);
                break;
            default:
                Fault = "has more than one of /openai/deployments and /openai/v1; " + Right("end it before the first.");
                break;
        }
    }

    /// <summary>The Responses API is on the v1 route only.</summary>
    private void CompleteToV1()
    {
        if (_api == EndpointApi.Responses && Fault is null)
        {
            Kind = EndpointKind.V1;
            Value = Value.TrimEnd('/') + "/openai/v1";
        }
    }

    private void JudgeDeployment(int start)
    {
        Deployment = _segments.ElementAtOrDefault(start + 2);
        if (string.IsNullOrEmpty(Deployment))
        {
            Fault = "ends in /openai/deployments without a deployment; " + Right("end it before /openai/deployments.", path: "");
            return;
        }

        string operation = Rest(start + 3);
        Operation = operation.Length > 0 ? operation : null;
        Fault = operation.Length > 0 && !Operations.Contains(operation)
                ? "goes on past the deployment; " + Right("end it before /openai/deployments.", path: "") + " The deployment has a setting of its own."
            : Deployment is ['<', .., '>'] or ['{', .., '}'] or ['[', .., ']'] ? "still has a placeholder for the deployment; put its name there, or " + Right("end the address before /openai/deployments.", path: "")
            : TextRules.Deployment(Deployment, inPath: true) is { } wrong ? $"has a deployment that {wrong}"
            : JudgePrefix(start);
        Value = Fault is null ? Prefix(start) : "";
    }

    private void JudgeV1(int start)
    {
        Kind = EndpointKind.V1;
        string operation = Rest(start + 2);
        bool isOfProject = start == 3 && IsProject;
        Fault = operation.Length > 0 && !V1Operations.Contains(operation) ? "goes on past /openai/v1; " + Right("end it there.", path: "/openai/v1")
            : isOfProject ? null
            : JudgePrefix(start);
        Value = Fault is not null ? "" : Prefix(start) + (_host == AzureHost.Resource ? "/openai/v1" : $"/{_segments[start]}/{_segments[start + 1]}");
    }

    /// <summary>A project of Foundry, which has a v1 route of its own.</summary>
    private bool IsProject => _segments.Length >= 2 && Is("api")(_segments[0]) && Is("projects")(_segments[1]);

    /// <summary>What may stand in front: nothing at a resource; at a gateway anything that is not the end of some other address.</summary>
    /// <param name="count">How many segments it has.</param>
    private string? JudgePrefix(int count)
    {
        if (count == 0 || _host == AzureHost.Unknown)
        {
            return null;
        }

        string path = string.Join('/', _segments[..count]).ToLowerInvariant();
        if (_host == AzureHost.ApiManagement)
        {
            return path.EndsWith("/openai/responses", StringComparison.Ordinal) || path == "openai/responses" ? "goes on to /openai/responses, a preview that the pool does not call; end it " + (_api == EndpointApi.Responses ? "in /openai/v1." : "before /openai, or in /openai/v1 with the API responses.")
                : path.EndsWith("/" + Chat, StringComparison.Ordinal) || path == Chat ? "goes on to the operation /chat/completions; end it before /openai/deployments or in /openai/v1, which the gateway must have."
                : null;
        }

        return _segments[0].ToLowerInvariant() switch
        {
            "models" => "is the address of the model inference API, /models, which the pool does not call; " + Right(""),
            "anthropic" => "is the address of Claude models, which have an API of their own; pass a ready-made ChatClient for them.",
            "api" when IsProject => "is the address of a project, /api/projects, and not of its resource; " + Right(""),
            V1 => "has /v1 without /openai in front of it; " + Right("", path: "/openai/v1"),
            Root when path.StartsWith("openai/responses", StringComparison.Ordinal) => "goes on to /openai/responses, a preview that the pool does not call; " + Right("") + (_api == EndpointApi.Responses ? "" : " The Responses API is at /openai/v1, with the API responses."),
            "chat" or Embeddings or "completions" or "responses" => "names an operation without a route; " + Right(""),
            _ => "has a path that a resource does not have; " + Right(""),
        };
    }

    private static Predicate<string> Is(string name) => segment => string.Equals(segment, name, StringComparison.OrdinalIgnoreCase);

    private string Rest(int start) => string.Join('/', _segments[Math.Min(start, _segments.Length)..]).ToLowerInvariant();

    /// <summary>The first segments as they were written: whose prefix it is may have reasons for each slash.</summary>
    private string Prefix(int count)
    {
        string path = Value.TrimEnd('/');
        for (int i = _segments.Length; i > count; i--)
        {
            path = path[..path.LastIndexOf('/')].TrimEnd('/');
        }

        return path;
    }
}
