using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Xml.Linq;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>What the packages hold, and what they say of themselves.</summary>
public sealed class PackedTests(Packages packages)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Ids => [.. Packages.Ids];

    [Theory]
    [MemberData(nameof(Ids))]
    public void A_package_holds_its_assembly_and_what_is_read_beside_it(string id)
    {
        using Package package = packages.Open(id);
        using Package symbols = packages.Open(id, "snupkg");

        Assert.Equal(["README.md", "icon.png", $"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml"], package.Files);
        Assert.Equal([$"lib/net10.0/{id}.pdb"], symbols.Files);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], package.Read("icon.png")[..4]);
        Assert.Equal((128, 128), (BinaryPrimitives.ReadInt32BigEndian(package.Read("icon.png").AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(package.Read("icon.png").AsSpan(20))));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void A_package_says_whose_it_is_and_where_from(string id)
    {
        using Package package = packages.Open(id);

        Assert.Equal((id, "MIT", "expression"), (package.Find("id")?.Value, package.Find("license")?.Value, package.Find("license")?.Attribute("type")?.Value));
        Assert.Equal(("README.md", "icon.png"), (package.Find("readme")?.Value, package.Find("icon")?.Value));
        Assert.All(["authors", "copyright", "description", "tags"], name => Assert.False(string.IsNullOrWhiteSpace(package.Find(name)?.Value), name));
        Assert.DoesNotContain("Package Description", package.Find("description")!.Value, StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{40}$", package.Find("repository")?.Attribute("commit")?.Value);
        string? repository = package.Find("repository")?.Attribute("url")?.Value;
        Assert.Equal(repository?.EndsWith(".git", StringComparison.Ordinal) is true ? repository[..^4] : repository, package.Find("projectUrl")?.Value);
        Assert.DoesNotContain("file:", package.Metadata.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "AzureOpenAI.RoundRobin",
        "Azure.AI.OpenAI 2.1.0",
        "Microsoft.Extensions.AI 10.11.0",
        "Microsoft.Extensions.AI.OpenAI 10.11.0",
        "Microsoft.Extensions.Diagnostics.HealthChecks 10.0.0",
        "Microsoft.Extensions.Http 10.0.0",
        "Microsoft.Extensions.Options 10.0.9",
        "OpenAI 2.14.0",
        "System.IO.Hashing 10.0.0")]
    [InlineData("AzureOpenAI.RoundRobin.Redis", "AzureOpenAI.RoundRobin 0.1.0", "StackExchange.Redis 3.4.35")]
    [InlineData(
        "AzureOpenAI.RoundRobin.Tokenizers",
        "Microsoft.Extensions.AI.Abstractions 10.11.0",
        "Microsoft.ML.Tokenizers 2.0.1",
        "Microsoft.ML.Tokenizers.Data.Cl100kBase 2.0.1",
        "Microsoft.ML.Tokenizers.Data.O200kBase 2.0.1")]
    [InlineData("AzureOpenAI.Simulator")]
    public void A_package_depends_on_what_it_means_to(string id, params string[] dependencies)
    {
        using Package package = packages.Open(id);

        Assert.Equal(dependencies, package.All("dependency"));
        Assert.Equal(id == "AzureOpenAI.Simulator" ? ["Microsoft.AspNetCore.App"] : [], package.All("frameworkReference"));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_symbols_are_those_of_the_assembly_and_name_no_machine(string id)
    {
        using Package package = packages.Open(id);
        using Package symbols = packages.Open(id, "snupkg");
        byte[] assembly = package.Read($"lib/net10.0/{id}.dll"), pdb = symbols.Read($"lib/net10.0/{id}.pdb");
        using PEReader reader = new([.. assembly]);
        DebugDirectoryEntry entry = reader.ReadDebugDirectory().Single(static entry => entry.Type == DebugDirectoryEntryType.CodeView);
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbImage([.. pdb]);
        MetadataReader sources = provider.GetMetadataReader();

        Assert.Equal(new BlobContentId(sources.DebugMetadataHeader!.Id), new BlobContentId(reader.ReadCodeViewDebugDirectoryData(entry).Guid, entry.Stamp));
        Assert.All(sources.Documents, handle => Assert.StartsWith("/_", sources.GetString(sources.GetDocument(handle).Name), StringComparison.Ordinal));
        Assert.All([assembly, pdb], bytes => Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Packages.Repository))));
    }

    [Theory]
    [InlineData("AzureOpenAI.RoundRobin", "M:AzureOpenAI.RoundRobin.RoundRobinChatClient.GetResponseAsync(", "P:AzureOpenAI.RoundRobin.EndpointPool.Routes")]
    [InlineData("AzureOpenAI.RoundRobin.Redis", "M:AzureOpenAI.RoundRobin.RoundRobinOptionsRedisExtensions.UseRedis(", "T:AzureOpenAI.RoundRobin.Redis.RedisBackplane")]
    [InlineData("AzureOpenAI.RoundRobin.Tokenizers", "M:AzureOpenAI.RoundRobin.Tokenizers.TokenCounter.ForModel(", "T:AzureOpenAI.RoundRobin.Tokenizers.Encoding")]
    [InlineData("AzureOpenAI.Simulator", "M:AzureOpenAI.Simulator.Fault.Times(", "T:AzureOpenAI.Simulator.Exchange")]
    public void Only_what_is_public_is_documented(string id, string seen, string unseen)
    {
        using Package package = packages.Open(id);
        using PEReader reader = new([.. package.Read($"lib/net10.0/{id}.dll")]);
        MetadataReader types = reader.GetMetadataReader();
        string[] named = [.. types.TypeDefinitions.Select(types.GetTypeDefinition).Where(static type => (type.Attributes & TypeAttributes.VisibilityMask) == TypeAttributes.Public)
            .Select(type => $"{types.GetString(type.Namespace)}.{types.GetString(type.Name)}")];
        string[] documented = [.. XDocument.Load(new MemoryStream(package.Read($"lib/net10.0/{id}.xml"))).Descendants("member").Select(static member => member.Attribute("name")!.Value)];

        Assert.Contains(documented, name => name.StartsWith(seen, StringComparison.Ordinal));
        Assert.DoesNotContain(documented, name => name.StartsWith(unseen, StringComparison.Ordinal));
        // A public type that has no text of its own, such as an extension, would be a warning of the build.
        Assert.Empty(named.Except(documented.Select(static name => name[2..])));
        Assert.All(documented, name => Assert.Contains(named, type => name[2..] == type || name[2..].StartsWith($"{type}.", StringComparison.Ordinal)));
        Assert.DoesNotContain(documented, static name => name.Contains("._", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_same_source_makes_the_same_bytes()
    {
        await packages.RebuildAsync();

        foreach (string id in Packages.Ids)
        {
            using Package package = packages.Open(id);
            using Package symbols = packages.Open(id, "snupkg");
            Assert.Equal(package.Read($"lib/net10.0/{id}.dll"), await File.ReadAllBytesAsync(Packages.Built(id, "dll"), Cancellation));
            Assert.Equal(package.Read($"lib/net10.0/{id}.xml"), await File.ReadAllBytesAsync(Packages.Built(id, "xml"), Cancellation));
            Assert.Equal(symbols.Read($"lib/net10.0/{id}.pdb"), await File.ReadAllBytesAsync(Packages.Built(id, "pdb"), Cancellation));
        }
    }
}
