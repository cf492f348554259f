using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Which refusals of a request may be one endpoint's own: its deployment, model, api-version or a feature, or a server on the way that is not the service.</summary>
internal static class RequestFault
{
    /// <summary>Codes and phrases of the service that are about what stands at the endpoint, and not about the request. Without regard to case.</summary>
    private static readonly string[] AboutTheEndpoint =
    [
        "OperationNotSupported", "DeploymentNotFound", "model_not_found", "unsupported_model", "unsupported_api_version", "UnsupportedApiVersion",
        "API version not supported", "does not support the Responses API", "does not work with the specified model", "is not supported with this model",
        "not supported by this model", "not supported in this region", "not enabled in this region", "The model `", "response_format", "does not exist or you do not have access",
    ];

    /// <summary>A request that is too long for one model may fit that of another deployment.</summary>
    private static readonly string[] AboutTheModelsSize = ["context_length_exceeded", "maximum context length"];

    /// <param name="status">The HTTP status.</param>
    /// <param name="message">The exception's message, which has the service's code and text.</param>
    /// <param name="response">The answer.</param>
    /// <param name="jobIsCallers">The call goes on with a job of one endpoint: the 404 of another says that the job is not there.</param>
    public static bool MayBeEndpoints(int status, string message, PipelineResponse? response, bool jobIsCallers) => status switch
    {
        421 or 423 or 451 => true,
        404 => jobIsCallers,
        _ => IsOfAnotherServer(response) || Names(message, AboutTheEndpoint) || IsTooLong(message),
    };

    /// <summary>Whether the request is too long for the model; another deployment may have a model that takes more.</summary>
    public static bool IsTooLong(string message) => Names(message, AboutTheModelsSize);

    /// <summary>The service answers in JSON. A page comes from a proxy or a firewall on the way.</summary>
    private static bool IsOfAnotherServer(PipelineResponse? response) =>
        response is not null && response.Headers.TryGetValue("Content-Type", out string? type) && type is not null && type.Contains("html", StringComparison.OrdinalIgnoreCase);

    private static bool Names(string message, string[] phrases) => Array.Exists(phrases, phrase => message.Contains(phrase, StringComparison.OrdinalIgnoreCase));
}
