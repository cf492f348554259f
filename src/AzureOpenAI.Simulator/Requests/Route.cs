using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>What a request line addresses.</summary>
internal readonly record struct Route(RouteKind Kind, ApiOperation Operation, string? Deployment, string? ResponseId = null)
{
    private const string ClassicRoot = "/openai/deployments/";
    private const string V1Root = "/openai/v1/";

    private const string ResponsesRoot = "responses/";
    private const string Cancel = "/cancel";

    public bool IsKnown => Operation != ApiOperation.Unknown;

    /// <summary>Whether a deployment serves the request, within its limits.</summary>
    public bool IsServedByModel => Operation is ApiOperation.Chat or ApiOperation.Embeddings or ApiOperation.Responses;

    public static Route Parse(HttpRequest request, string prefix)
    {
        string path = request.Path.Value ?? "";
        if (!path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        {
            return default;
        }

        var rest = path.AsSpan(prefix.Length);
        if (rest.StartsWith(V1Root, StringComparison.OrdinalIgnoreCase))
        {
            return ParseV1(request.Method, rest[V1Root.Length..]);
        }

        return rest.StartsWith(ClassicRoot, StringComparison.OrdinalIgnoreCase)
            ? ParseClassic(request, rest[ClassicRoot.Length..])
            : default;
    }

    private static Route ParseClassic(HttpRequest request, ReadOnlySpan<char> rest)
    {
        int slash = rest.IndexOf('/');
        if (slash <= 0)
        {
            return new Route(RouteKind.Classic, ApiOperation.Unknown, null);
        }

        bool hasVersion = !string.IsNullOrWhiteSpace(request.Query["api-version"]);
        var operation = hasVersion ? OperationOf(request.Method, rest[(slash + 1)..]) : ApiOperation.Unknown;
        return new Route(RouteKind.Classic, operation, rest[..slash].ToString());
    }

    private static Route ParseV1(string method, ReadOnlySpan<char> path)
    {
        if (path.StartsWith(ResponsesRoot, StringComparison.OrdinalIgnoreCase))
        {
            return OfResponse(method, path[ResponsesRoot.Length..]);
        }

        var operation = HttpMethods.IsPost(method) && path.Equals("responses", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Responses
            : HttpMethods.IsPost(method) && path.Equals("conversations", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Conversations
            : HttpMethods.IsGet(method) && path.Equals("models", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Models
            : OperationOf(method, path);
        return new Route(RouteKind.V1, operation, null);
    }

    private static Route OfResponse(string method, ReadOnlySpan<char> rest)
    {
        bool cancels = rest.EndsWith(Cancel, StringComparison.OrdinalIgnoreCase);
        var id = cancels ? rest[..^Cancel.Length] : rest;
        var operation = id.IsEmpty || id.Contains('/') ? ApiOperation.Unknown
            : cancels ? (HttpMethods.IsPost(method) ? ApiOperation.ResponseCancel : ApiOperation.Unknown)
            : HttpMethods.IsGet(method) ? ApiOperation.ResponseRead
            : HttpMethods.IsDelete(method) ? ApiOperation.ResponseDelete
            : ApiOperation.Unknown;
        return new Route(RouteKind.V1, operation, null, id.ToString());
    }

    private static ApiOperation OperationOf(string method, ReadOnlySpan<char> path) =>
        !HttpMethods.IsPost(method) ? ApiOperation.Unknown
        : path.Equals("chat/completions", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Chat
        : path.Equals("embeddings", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Embeddings
        : ApiOperation.Unknown;
}
