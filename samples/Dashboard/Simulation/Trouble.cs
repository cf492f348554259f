using System.Text.Json.Serialization;

namespace Dashboard.Simulation;

/// <summary>The fault of a simulated resource.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Trouble>))]
internal enum Trouble
{
    None,

    /// <summary>429 to every request, with five seconds to wait.</summary>
    Throttled,

    /// <summary>Refuses connections, and resets those that are open.</summary>
    Broken,

    /// <summary>Takes requests and never answers.</summary>
    Hung,

    /// <summary>About a second more before each answer: lagging, but not stalled.</summary>
    Slow,
}
