using System.Globalization;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Every way in which a resource can fail a request before any content, by name, so that a theory can list them.</summary>
internal static class Faults
{
    /// <summary>The endpoint says that it has no capacity for the moment.</summary>
    public static readonly string[] Throttled =
        ["429", "429 retry-after-ms", "429 x-ms-retry-after-ms", "429 Retry-After in seconds", "429 Retry-After with a fraction", "429 Retry-After as a date", "429 for a day", "503 with a hint"];

    /// <summary>An HTTP status that speaks against the endpoint.</summary>
    public static readonly string[] Failing = ["500", "502 HTML", "503", "504", "424", "529", "408", "409"];

    /// <summary>Something between here and there.</summary>
    public static readonly string[] Transport = ["reset before headers"];

    /// <summary>What only a change of configuration mends.</summary>
    public static readonly string[] Misconfigured = ["401", "403", "404", "302 to nowhere"];

    /// <summary>A 200 that is no answer.</summary>
    public static readonly string[] Broken = ["empty 200", "HTML 200", "malformed JSON", "cut", "ended early"];

    /// <summary>An error of the service's inside a 200.</summary>
    public static readonly string[] InBand = ["error in a 200"];

    public static string[] Names => [.. Throttled, .. Failing, .. Transport, .. Misconfigured, .. Broken, .. InBand];

    public static TheoryData<string, bool> All => Data(Names);

    /// <summary>All that come with an HTTP status of their own.</summary>
    public static TheoryData<string, bool> WithStatus => Data([.. Throttled, .. Failing, .. Misconfigured]);

    public static TheoryData<string, bool> Data(params string[] names)
    {
        TheoryData<string, bool> data = [];
        foreach (string name in names)
        {
            data.Add(name, false);
            data.Add(name, true);
        }

        return data;
    }

    public static Fault Named(string name, TimeProvider time) => name switch
    {
        "429" => Fault.Throttle(),
        "429 retry-after-ms" => Fault.Status(429).WithHeader("retry-after-ms", "20000"),
        "429 x-ms-retry-after-ms" => Fault.Status(429).WithHeader("x-ms-retry-after-ms", "20000"),
        "429 Retry-After in seconds" => Fault.Status(429).WithHeader("Retry-After", "20"),
        "429 Retry-After with a fraction" => Fault.Status(429).WithHeader("Retry-After", "19.5"),
        "429 Retry-After as a date" => Fault.Status(429).WithHeader("Retry-After", Date(time, 20)).WithHeader("Date", Date(time, 0)),
        "429 for a day" => Fault.Status(429).WithHeader("Retry-After", "86400"),
        "503 with a hint" => Fault.Status(503).WithHeader("Retry-After", "20"),
        "502 HTML" => Fault.Html(502),
        "reset before headers" => Fault.ResetBeforeHeaders(),
        "302 to nowhere" => Fault.Redirect(new Uri("http://127.0.0.1:9/")),
        "empty 200" => Fault.EmptyBody(),
        "HTML 200" => Fault.Html(),
        "malformed JSON" => Fault.MalformedJson(),
        "cut" => Fault.CutAfter(2),
        "ended early" => Fault.EndAfter(2),
        "error in a 200" => Fault.ErrorEventAfter(0),
        _ => Fault.Status(int.Parse(name, CultureInfo.InvariantCulture)),
    };

    private static string Date(TimeProvider time, int seconds) => time.GetUtcNow().AddSeconds(seconds).ToString("R", CultureInfo.InvariantCulture);

    /// <summary>The status that a caller must be able to read off the exception.</summary>
    public static int StatusOf(string name) => int.Parse(name[..3], CultureInfo.InvariantCulture);
}
