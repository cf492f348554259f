using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// Reads a status, and the headers of the answer, from an exception of an SDK that we do not know, by the names that such properties usually have.
/// </summary>
internal static class ForeignException
{
    private static readonly string[] StatusNames = ["StatusCode", "Status", "HttpStatusCode"];
    private static readonly string[] HeaderNames = ["Headers", "ResponseHeaders", "Response", "ResponseMessage"];

    /// <summary>Found once for each type, for as long as the type lives.</summary>
    private static readonly ConditionalWeakTable<Type, Shape> Shapes = [];

    /// <returns>The status, from 100 to 599; 0 where the exception has none.</returns>
    public static int StatusOf(Exception exception)
    {
        foreach (PropertyInfo property in ShapeOf(exception).Statuses)
        {
            int status = Value(property, exception) switch { HttpStatusCode code => (int)code, int number => number, _ => 0 };
            if (status is >= 100 and < 600)
            {
                return status;
            }
        }

        return 0;
    }

    /// <summary>The headers of the answer, where they are visible; a property <c>RetryAfter</c> stands for a header of that name.</summary>
    public static HeaderLookup HeadersOf(Exception exception)
    {
        Shape shape = ShapeOf(exception);
        object? pause = shape.Pause is null ? null : Value(shape.Pause, exception);
        object?[] sources = [.. shape.Headers.Select(property => Value(property, exception))];
        return name => (name.Equals("Retry-After", StringComparison.OrdinalIgnoreCase) ? PauseOf(pause) : null) ?? sources.Select(source => Find(source, name)).FirstOrDefault(static values => values is not null);
    }

    private static string[]? PauseOf(object? pause) => pause switch
    {
        TimeSpan time => [time.TotalSeconds.ToString(CultureInfo.InvariantCulture)],
        int or long or double or float or decimal => [((IFormattable)pause).ToString(null, CultureInfo.InvariantCulture)],
        DateTimeOffset date => [date.ToString("R", CultureInfo.InvariantCulture)],
        RetryConditionHeaderValue or string => [pause.ToString()!],
        _ => null,
    };

    private static IEnumerable<string>? Find(object? source, string name)
    {
        try
        {
            return source switch
            {
                HttpResponseMessage response => Find(response.Headers, name),
                HttpHeaders headers => headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? values : null,
                IEnumerable<KeyValuePair<string, IEnumerable<string>>> many => First(many, name),
                IEnumerable<KeyValuePair<string, string>> single => First(single, name) is { } value ? [value] : null,
                IDictionary any => any.Keys.OfType<string>().FirstOrDefault(key => Is(key, name)) is { } key ? Texts(any[key]) : null,
                _ => null,
            };
        }
#pragma warning disable CA1031 // Code of others, and a hint is all that it would give.
        catch
#pragma warning restore CA1031
        {
            return null;
        }
    }

    private static T? First<T>(IEnumerable<KeyValuePair<string, T>> headers, string name)
        where T : class => headers.FirstOrDefault(header => Is(header.Key, name)).Value;

    private static IEnumerable<string>? Texts(object? value) => value is string text ? [text] : (value as IEnumerable)?.OfType<string>();

    private static bool Is(string key, string name) => key.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static object? Value(PropertyInfo property, Exception exception)
    {
        try
        {
            return property.GetValue(exception);
        }
#pragma warning disable CA1031 // Code of others, or a getter that trimming has removed: the exception says nothing then.
        catch
#pragma warning restore CA1031
        {
            return null;
        }
    }

    private static Shape ShapeOf(Exception exception) => Shapes.GetValue(exception.GetType(), static type => new Shape(
        [.. StatusNames.Select(name => Property(type, name)).OfType<PropertyInfo>().Where(static property => (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) is var of && (of == typeof(int) || of == typeof(HttpStatusCode)))],
        [.. HeaderNames.Select(name => Property(type, name)).OfType<PropertyInfo>()],
        Property(type, "RetryAfter")));

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "A property that trimming has removed is one that the exception does not have: it then says nothing, and ClassifyException can say it.")]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "The same of the base types.")]
    private static PropertyInfo? Property(Type type, string name)
    {
        for (Type? declaring = type; declaring is not null && declaring != typeof(Exception); declaring = declaring.BaseType)
        {
            if (declaring.GetProperty(name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly) is { CanRead: true } property && property.GetIndexParameters().Length == 0)
            {
                return property;
            }
        }

        return null;
    }

    /// <param name="Statuses">The properties that may hold a status.</param>
    /// <param name="Headers">Those that may hold headers, or what has them.</param>
    /// <param name="Pause">The one that may hold a pause.</param>
    private sealed record Shape(PropertyInfo[] Statuses, PropertyInfo[] Headers, PropertyInfo? Pause);
}
