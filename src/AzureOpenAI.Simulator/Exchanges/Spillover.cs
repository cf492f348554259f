using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>What became of a request that a provisioned deployment could not serve: served by the other deployment, or refused there too.</summary>
internal sealed record Spillover(string From, string To, int? Error)
{
    /// <summary>The deployment to spill over to, or <see langword="null"/>. Standard deployments never spill over.</summary>
    public static string? TargetOf(SimulatedDeployment deployment, HttpRequest request) => deployment.Bucket is null
        ? null
        : deployment.SpilloverDeployment ?? (request.Headers["x-ms-spillover-deployment"].ToString() is { Length: > 0 } named ? named : null);

    public static bool IsCausedBy(int? status) => status is 429 or 500 or 503;

    public void WriteTo(IHeaderDictionary headers)
    {
        if (Error is { } status)
        {
            headers["x-ms-spillover-error"] = status.ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            headers["x-ms-spillover-from-deployment"] = From;
            headers["x-ms-deployment-name"] = To;
        }
    }
}
