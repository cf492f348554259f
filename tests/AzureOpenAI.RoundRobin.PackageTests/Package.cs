using System.IO.Compression;
using System.Xml.Linq;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>A packed file, opened.</summary>
internal sealed class Package : IDisposable
{
    private readonly ZipArchive _archive;

    public Package(string path)
    {
        _archive = ZipFile.OpenRead(path);
        using MemoryStream nuspec = new(Read(_archive.Entries.Single(static entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).FullName));
        Metadata = XDocument.Load(nuspec).Root!.Elements().Single(static element => element.Name.LocalName == "metadata");
    }

    /// <summary>What the nuspec says.</summary>
    public XElement Metadata { get; }

    /// <summary>What is in it, but for what each package has: its nuspec and the parts of its envelope.</summary>
    public IEnumerable<string> Files => _archive.Entries
        .Select(static entry => entry.FullName)
        .Where(static name => !name.EndsWith(".nuspec", StringComparison.Ordinal) && name is not "[Content_Types].xml" && !name.StartsWith("_rels/", StringComparison.Ordinal) && !name.StartsWith("package/", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);

    public XElement? Find(string name) => Metadata.Descendants().SingleOrDefault(element => element.Name.LocalName == name);

    public string[] All(string name) => [.. Metadata.Descendants().Where(element => element.Name.LocalName == name).Select(static element => $"{element.Attribute("id")?.Value ?? element.Attribute("name")?.Value} {element.Attribute("version")?.Value}".Trim())];

    public byte[] Read(string name)
    {
        using Stream content = _archive.GetEntry(name)!.Open();
        using MemoryStream bytes = new();
        content.CopyTo(bytes);
        return bytes.ToArray();
    }

    public void Dispose() => _archive.Dispose();
}
