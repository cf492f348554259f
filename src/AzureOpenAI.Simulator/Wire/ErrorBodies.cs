using System.Globalization;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The service's error bodies, each in the shape in which the service sends it.</summary>
internal static class ErrorBodies
{
    public const string OverloadedMessage = "That model is currently overloaded with other requests. You can retry your request, or contact us through an Azure support request.";

    public const string ResourceNotFound = """{"error":{"code":"404","message":"Resource not found"}}""";

    public const string DeploymentNotFound =
        """{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}""";

    public const string WrongKey =
        """{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}""";

    public const string WrongToken =
        """{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}""";

    public const string ContentFilter =
        """{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}}}""";

    public static string Error(string code, string message) => $$$"""{"error":{"code":{{{Quote(code)}}},"message":{{{Quote(message)}}}}}""";

    public static string InvalidRequest(string message, string? param = null, string? code = null) =>
        $$$"""{"error":{"message":{{{Quote(message)}}},"type":"invalid_request_error","param":{{{Quote(param)}}},"code":{{{Quote(code)}}}}}""";

    public static string StreamError(string message, string? code) =>
        $$$"""{"error":{"message":{{{Quote(message)}}},"type":"server_error","param":null,"code":{{{Quote(code)}}}}}""";

    public static string ResponseError(string message, string? code, int sequence, bool isNested) => isNested
        ? $$$"""{"type":"error","sequence_number":{{{sequence}}},"error":{"type":"server_error","code":{{{Quote(code)}}},"message":{{{Quote(message)}}},"param":null}}"""
        : $$$"""{"type":"error","sequence_number":{{{sequence}}},"code":{{{Quote(code)}}},"message":{{{Quote(message)}}},"param":null}""";

    public static string PreviousResponseNotFound(string id) =>
        InvalidRequest($"Previous response with id '{id}' not found.", "previous_response_id", "previous_response_not_found");

    public static string NotFound(string what, string id) => InvalidRequest($"{what} with id '{id}' not found.");

    public static string InvalidEncryptedContent() => InvalidRequest(
        "The encrypted content for item could not be verified. Reason: Encrypted content could not be decrypted or parsed.", param: null, "invalid_encrypted_content");

    public static string RateLimit(ApiOperation operation, AdmissionVerdict verdict, RetryHeaders hint)
    {
        string retry = (hint.Seconds ?? (hint.Milliseconds + 999) / 1000) is { } seconds
            ? string.Create(CultureInfo.InvariantCulture, $"Please retry after {seconds} seconds.")
            : "Please try again later.";
        string name = operation switch
        {
            ApiOperation.Embeddings => "Embeddings_Create",
            ApiOperation.Responses => "Responses_Create",
            _ => "ChatCompletions_Create",
        };
        if (verdict == AdmissionVerdict.OverUtilized)
        {
            return Error("429", $"Requests to the {name} Operation under Azure OpenAI API have exceeded the provisioned throughput of this deployment. {retry}");
        }

        string limit = verdict is AdmissionVerdict.TooManyRequests or AdmissionVerdict.TooManyInFlight ? "call rate limit" : "token rate limit";
        return Error("429", $"Requests to the {name} Operation under Azure OpenAI API have exceeded {limit} of your current OpenAI S0 pricing tier. {retry} Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.");
    }

    public static string DefaultMessage(int status) => status switch
    {
        400 => "The request is invalid.",
        401 => "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.",
        403 => "Access denied due to Virtual Network/Firewall rules.",
        404 => "Resource not found",
        408 => "The operation was timeout.",
        413 => "The request is too large.",
        424 => "The dependency failed.",
        429 => "Rate limit is exceeded. Try again later.",
        500 => "The server had an error while processing your request. Sorry about that!",
        502 => "Bad gateway.",
        503 => "The service is temporarily unable to process your request. Please try again later.",
        504 => "The gateway timed out.",
        529 => "Overloaded.",
        _ => "The request failed.",
    };

    private static string Quote(string? text) => text is null ? "null" : $"\"{JsonEncodedText.Encode(text)}\"";
}
