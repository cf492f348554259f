using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>What a request line addresses.</summary>
internal readonly record struct Route(RouteKind Kind, ApiOperation Operation, string? Deployment)
{
    private const string ClassicRoot = "/openai/deployments/";
    private const string V1Root = "/openai/v1/";

    public bool IsKnown => Operation != ApiOperation.Unknown;

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
            return new Route(RouteKind.V1, OperationOf(request.Method, rest[V1Root.Length..], allowModels: true), null);
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
        var operation = hasVersion ? OperationOf(request.Method, rest[(slash + 1)..], allowModels: false) : ApiOperation.Unknown;
        return new Route(RouteKind.Classic, operation, rest[..slash].ToString());
    }

    private static ApiOperation OperationOf(string method, ReadOnlySpan<char> path, bool allowModels)
    {
        if (HttpMethods.IsPost(method))
        {
            return path.Equals("chat/completions", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Chat
                : path.Equals("embeddings", StringComparison.OrdinalIgnoreCase) ? ApiOperation.Embeddings
                : ApiOperation.Unknown;
        }

        return allowModels && HttpMethods.IsGet(method) && path.Equals("models", StringComparison.OrdinalIgnoreCase)
            ? ApiOperation.Models
            : ApiOperation.Unknown;
    }
}
