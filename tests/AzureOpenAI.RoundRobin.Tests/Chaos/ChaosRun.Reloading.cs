using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

internal sealed partial class ChaosRun
{
    private string Members => string.Join(' ', Pool.Endpoints.Select(endpoint => $"{endpoint.Name}/{endpoint.DeploymentName} {endpoint.Weight} {endpoint.Priority}"));

    /// <summary>Another configuration, or with no lot the first one again. One that is at fault changes nothing, nor does one that comes too late.</summary>
    private void Reload(ChaosDraw? draw)
    {
        RoundRobinOptions options = Plan.Options(_clients, _transport, draw);
        if (Plan.Members == ChaosMembers.ReadyMadeGenerators)
        {
            Refuse(options, IsDisposed ? nameof(ObjectDisposedException) : nameof(Microsoft.Extensions.Options.OptionsValidationException));
            return;
        }

        if (IsDisposed)
        {
            Refuse(options, _configuration.ThrowsAtFault ? nameof(ObjectDisposedException) : null);
            return;
        }

        if (draw?.Chance(0.1) == true)
        {
            bool throws = !_configuration.ThrowsAtFault && draw.Chance(0.3);
            options.Endpoints[0].Weight = throws ? 1 : -1;
            Refuse(options, _configuration.ThrowsAtFault ? nameof(OptionsValidationException) : null, throws);
            return;
        }

        // Calls may come and go while the configuration is taken.
        HashSet<string> names = [.. options.Endpoints.Select(entry => entry.Name!)];
        ChaosEndpoint[] members = Array.FindAll(_endpoints, endpoint => names.Contains(endpoint.Name));
        Array.ForEach(members, static endpoint => endpoint.Joins());
        _configuration.Change(Pool, options);
        Record.Note("reloads");
        Record.Count($"Reload by {Plan.Way}");
        Turns.Forget();
        Array.ForEach(members, member => member.Keeps(options.Endpoints.First(entry => entry.Name == member.Name).Deployments.Keys));
        Array.ForEach([.. _endpoints.Except(members)], static endpoint => endpoint.Leaves());
        string expected = string.Join(' ', options.Endpoints.Select(entry => $"{entry.Name} {entry.Weight} {entry.Priority}"));
        string taken = string.Join(' ', Pool.Endpoints.DistinctBy(endpoint => endpoint.Name).Select(endpoint => $"{endpoint.Name} {endpoint.Weight} {endpoint.Priority}"));
        if (expected != taken)
        {
            Record.Report($"The configuration said {expected}, and the pool took {taken}.");
        }
    }

    private void Refuse(RoundRobinOptions options, string? expected, bool throws = false)
    {
        string before = Members;
        string? thrown = null;
        try
        {
            _configuration.Change(Pool, options, throws);
        }
#pragma warning disable CA1031 // Whatever it is is judged.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = exception.GetType().Name;
        }

        Record.Count("Reload refused");
        if (thrown != expected || before != Members)
        {
            Record.Report($"A configuration that cannot be taken ended with {thrown ?? "nothing"} instead of {expected ?? "nothing"}, and left {Members} of {before}.");
        }
    }
}
