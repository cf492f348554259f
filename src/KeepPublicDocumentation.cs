using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>Removes from a documentation file what is not in the public API, whose list an analyzer keeps complete.</summary>
public sealed class KeepPublicDocumentation : Task
{
    /// <summary>The lists of the public API.</summary>
    [Required]
    public ITaskItem[] PublicApi { get; set; }

    /// <summary>The documentation file, which is rewritten.</summary>
    [Required]
    public string Documentation { get; set; }

    public override bool Execute()
    {
        HashSet<string> api = new HashSet<string>(PublicApi.SelectMany(list => File.ReadAllLines(list.ItemSpec)).Select(NameInApi), StringComparer.Ordinal);
        XDocument document = XDocument.Load(Documentation, LoadOptions.PreserveWhitespace);
        XElement[] others = document.Descendants("member").Where(member => !api.Contains(NameInDocumentation(member.Attribute("name").Value))).ToArray();
        foreach (XElement member in others)
        {
            // With the line that it stands on.
            (member.PreviousNode as XText)?.Remove();
            member.Remove();
        }

        if (others.Length > 0)
        {
            document.Save(Documentation, SaveOptions.DisableFormatting);
        }

        return true;
    }

    /// <summary>The name alone: without the id of an experiment, modifiers, types, parameters and accessors. Overloads, and operators of a type, are kept or removed together.</summary>
    private static string NameInApi(string line)
    {
        line = Regex.Replace(line, @"^(\[\w+\])?((static|override|virtual|abstract|readonly|const|~) ?)*", "");
        line = Regex.Replace(line, @"\.this\[.*", ".Item");
        line = Regex.Replace(line, @"\.(implicit|explicit)? ?operator .*", "");
        line = Regex.Replace(line, @"(<[^(]*?>)?(\(| ->| =|\.(get|set|init) ->).*", "");
        return line;
    }

    private static string NameInDocumentation(string id)
    {
        string name = Regex.Replace(id.Substring(2), @"[(~].*|``.*", "");
        name = Regex.Replace(name, @"\.op_\w+$", "");
        return Regex.Replace(name, @"(?<=(^|\.)(?<type>\w+)\.)#ctor$", match => match.Groups["type"].Value);
    }
}
