using System.Reflection;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

internal static class Repository
{
    public static string Root { get; } =
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "RepositoryDirectory").Value!;
}
