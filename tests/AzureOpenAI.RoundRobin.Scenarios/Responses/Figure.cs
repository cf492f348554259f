using System.Globalization;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>What a row measured: so many were bad, of so many.</summary>
internal sealed record Figure(int Bad, int Of, string? Also = null)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Bad} of {Of}{(Also is null ? "" : $" ({Also})")}");
}
