using System.Reflection;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Counts what a pool holds on to: objects of the library's, in fields and in collections however deep. A list that grows shows here, whatever it is called.</summary>
internal static class ChaosReach
{
    public static int Count(EndpointPool pool)
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        Stack<object> open = new();
        Push(pool, seen, open);
        while (open.TryPop(out object? next))
        {
            if (next is Array array)
            {
                if (IsFollowed(array.GetType().GetElementType()!))
                {
                    foreach (object? element in array)
                    {
                        Push(element, seen, open);
                    }
                }

                continue;
            }

            for (Type? type = next.GetType(); type is not null && type != typeof(object); type = type.BaseType)
            {
                foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                {
                    if (IsFollowed(field.FieldType))
                    {
                        Push(field.GetValue(next), seen, open);
                    }
                }
            }
        }

        // A box around a value was made here; the array that it came from is counted.
        return seen.Count(static value => value is not ValueType);
    }

    private static void Push(object? value, HashSet<object> seen, Stack<object> open)
    {
        if (value is not null and not Delegate && IsFollowed(value.GetType()) && seen.Add(value))
        {
            open.Push(value);
        }
    }

    private static bool IsFollowed(Type type) =>
        !type.IsPrimitive && !type.IsEnum && type != typeof(string)
        && (type.IsArray ? IsFollowed(type.GetElementType()!)
            : type == typeof(object) || type.Assembly == typeof(EndpointPool).Assembly
            || type.Namespace?.StartsWith("System.Collections", StringComparison.Ordinal) == true
            || type.Namespace == "System.Threading.Tasks"
            || (type.IsGenericType && type.Namespace == "System"));
}
