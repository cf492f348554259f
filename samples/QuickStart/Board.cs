using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using AzureOpenAI.RoundRobin;
using Microsoft.Extensions.AI;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace QuickStart;

/// <summary>The table of the endpoints: live on a terminal, plain lines where the output is redirected.</summary>
internal sealed class Board
{
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole _console;
    private readonly bool _isLive;
    private readonly Load _load;
    private readonly EndpointPool? _pool;
    private readonly IReadOnlyList<EndpointStatus> _before;
    private readonly ConcurrentQueue<string> _notes = new();

    public Board(IChatClient chat, Load load)
    {
        _load = load;
        // No pool while the switch is off: then it is the SDK's own client.
        _pool = chat.GetService<EndpointPool>();
        _before = _pool?.GetStatus() ?? [];
        _console = AnsiConsole.Create(Console.IsOutputRedirected
            ? new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No }
            : new AnsiConsoleSettings());
        _isLive = _console.Profile.Capabilities is { Interactive: true, Ansi: true };
        if (Console.IsOutputRedirected)
        {
            _console.Profile.Width = 120;
        }
    }

    public void Note(string text)
    {
        _notes.Enqueue(text);
        if (!_isLive)
        {
            Console.WriteLine(text);
        }
    }

    /// <summary>Shows the progress until the work is done, and then the result.</summary>
    public async Task ShowAsync(Task work)
    {
        Console.WriteLine();
        if (_isLive)
        {
            await _console.Live(Picture()).StartAsync(async live =>
            {
                while (await Task.WhenAny(work, Task.Delay(Frame)) != work)
                {
                    live.UpdateTarget(Picture());
                }

                live.UpdateTarget(Picture());
            });
        }
        else
        {
            await ShowPlainAsync(work);
        }

        await work;
        if (!_isLive)
        {
            Console.WriteLine();
            _console.Write(Picture());
        }

        WriteSummary();
    }

    private async Task ShowPlainAsync(Task work)
    {
        int told = 0;
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(Frame));
            int quarter = _load.Finished * 4 / _load.Calls;
            if (quarter > told)
            {
                told = quarter;
                Console.WriteLine($"{_load.Finished} of {_load.Calls} calls");
            }
        }
    }

    private Rows Picture()
    {
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumn("Endpoint");
        table.AddColumn(new TableColumn("Served").RightAligned());
        table.AddColumn(new TableColumn("Rejected (429)").RightAligned());
        table.AddColumn(new TableColumn("Failed").RightAligned());
        table.AddColumn("State");
        foreach (Row row in ReadRows())
        {
            table.AddRow(
                new Text(NameOf(row.Now)), Number(row.Served), Number(row.Rejected), Number(row.Failed),
                new Text(Describe(row.Now), new Style(row.Now.State == EndpointState.Healthy ? Color.Green : Color.Yellow)));
        }

        List<IRenderable> parts = _pool is null ? [new Text("The switch is off: this is the SDK's own client over one endpoint.")] : [table];
        if (_isLive)
        {
            parts.AddRange(_notes.Select(static note => new Text(note)));
            parts.Add(new Text($"{_load.Finished} of {_load.Calls} calls"));
        }

        return new Rows(parts);
    }

    private void WriteSummary()
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{_load.Calls} calls in {_load.Elapsed.TotalSeconds:0.0} s, half of them streams: {_load.Answered} answered, {_load.Lost} lost."));
        if (_load.MovedOn > 0)
        {
            Console.WriteLine($"{_load.MovedOn} of them failed over to another endpoint, and their callers noticed nothing.");
        }

        if (_load.AskedAgain > 0)
        {
            Console.WriteLine($"{_load.AskedAgain} broke off in the middle of a stream: the app got an exception and asked again.");
        }

        foreach (string trouble in ReadRows().SelectMany(WhatHappened))
        {
            Console.WriteLine(trouble);
        }

        foreach (string loss in _load.Losses.Take(5))
        {
            Console.WriteLine(loss);
        }

        if (_load.Lost == 0)
        {
            Console.WriteLine("None was lost.");
        }
    }

    private IEnumerable<Row> ReadRows() =>
        _pool?.GetStatus().Zip(_before, static (now, before) => new Row(
            now,
            now.Answered - before.Answered,
            now.RateLimited - before.RateLimited,
            now.Failed - now.RateLimited - (before.Failed - before.RateLimited))) ?? [];

    private static IEnumerable<string> WhatHappened(Row row)
    {
        if (row.Rejected > 0)
        {
            yield return $"- {row.Now.Name} rejected {Attempts(row.Rejected)} because of its rate limit, and got no calls for the time that it stated.";
        }

        if (row.Failed > 0)
        {
            yield return $"- {row.Now.Name} failed {Attempts(row.Failed)}, and got no calls while it was unavailable.";
        }

        static string Attempts(long number) => number == 1 ? "1 attempt" : $"{number} attempts";
    }

    /// <summary>An endpoint has a row for each of its deployments.</summary>
    private string NameOf(EndpointStatus status) =>
        _before.Count(other => other.Name == status.Name) > 1 ? $"{status.Name}, {status.DeploymentName}" : status.Name;

    private static string Describe(EndpointStatus status) => status.State switch
    {
        EndpointState.Healthy => "healthy",
        EndpointState.Unavailable => string.Create(CultureInfo.InvariantCulture, $"unavailable ({Words(status.Reason)}), ready in {status.ReadyIn?.TotalSeconds:0.0} s"),
        EndpointState.Probing => $"probing ({Words(status.Reason)})",
        _ => $"recovering ({Words(status.Reason)})",
    };

    /// <summary>The metrics' word with blanks: "rate limited".</summary>
    private static string Words(EndpointFailureReason? reason) => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{reason}").Replace('_', ' ');

    private static Text Number(long number) => new(number.ToString(CultureInfo.InvariantCulture));

    /// <summary>One endpoint, with what has happened since the first call.</summary>
    private readonly record struct Row(EndpointStatus Now, long Served, long Rejected, long Failed);
}
