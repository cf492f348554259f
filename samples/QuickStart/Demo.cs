using System.ClientModel;
using System.Globalization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

namespace QuickStart;

/// <summary>The surroundings of the app: arguments, the <c>.env</c> file, simulated resources, Ctrl+C and exit codes.</summary>
internal sealed class Demo
{
    private const int Failed = 1;
    private const int BadInput = 2;
    private const int Cancelled = 130;

    private readonly SimulatedFleet? _fleet;
    private readonly int? _calls;

    private Demo(SimulatedFleet? fleet, int? calls, CancellationToken cancellationToken)
    {
        _fleet = fleet;
        _calls = calls;
        CancellationToken = cancellationToken;
    }

    /// <summary>Cancelled by the first Ctrl+C.</summary>
    public CancellationToken CancellationToken { get; }

    /// <returns>The exit code: 0, 1 if a call was lost, 2 if the variables or arguments are wrong, 130 after Ctrl+C.</returns>
    public static async Task<int> RunAsync(string[] args, Func<Demo, Task<int>> app)
    {
        if (!TryReadCalls(args, out int? calls))
        {
            Console.Error.WriteLine("Usage: dotnet run --project samples/QuickStart [-- CALLS], where CALLS is 1 to 100000.");
            return BadInput;
        }

        using CancellationTokenSource cancellation = new();
        Console.CancelKeyPress += OnCancelKeyPress;
        try
        {
            if (!EnvironmentFile.TryLoad())
            {
                return BadInput;
            }

            await using SimulatedFleet? fleet = await SimulatedFleet.StartIfNeededAsync();
            return await app(new Demo(fleet, calls, cancellation.Token));
        }
        catch (OptionsValidationException faults)
        {
            Console.Error.WriteLine(string.Join(Environment.NewLine, faults.Failures));
            return BadInput;
        }
        catch (Exception) when (cancellation.IsCancellationRequested)
        {
            Console.Error.WriteLine("Cancelled.");
            return Cancelled;
        }
        catch (Exception failure) when (failure is ClientResultException or AggregateException or HttpRequestException or IOException or TimeoutException)
        {
            Console.Error.WriteLine(failure.Message);
            return Failed;
        }
        finally
        {
            Console.CancelKeyPress -= OnCancelKeyPress;
        }

        void OnCancelKeyPress(object? sender, ConsoleCancelEventArgs key)
        {
            // The first one ends the calls; the second one ends the process.
            key.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        }
    }

    /// <summary>Makes calls and streams in parallel, shows the progress, and at the end what each endpoint served.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> AskManyAsync(IChatClient chat)
    {
        // Real calls cost money.
        Load load = new(chat, _calls ?? (_fleet is null ? 12 : 120), callers: _fleet is null ? 4 : 12, echoes: _fleet is not null);
        Board board = new(chat, load);
        Task work = load.RunAsync(OnFinishedAsync, CancellationToken);
        await board.ShowAsync(work);
        return load.Lost == 0 ? 0 : Failed;

        async Task OnFinishedAsync(int finished)
        {
            if (_fleet is not null && finished == load.Calls / 2)
            {
                board.Note(await _fleet.KillOneAsync());
            }
        }
    }

    private static bool TryReadCalls(string[] args, out int? calls)
    {
        calls = null;
        if (args is [string only] && int.TryParse(only, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= 100_000)
        {
            calls = number;
        }

        return args.Length == 0 || calls is not null;
    }
}
