using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What a seed stands for: a pool, its endpoints and their troubles, the callers, and what befalls the clock.</summary>
internal sealed class ChaosPlan
{
    private const double ShortestSpell = 0.05;

    private static readonly Trouble[] Troubles = [.. Enum.GetValues<Trouble>().Where(trouble => trouble != Trouble.None)];

    private readonly ChaosDraw _draw;

    public ChaosPlan(ChaosDraw draw)
    {
        _draw = draw;
        Members = draw.Of(ChaosMembers.Built, ChaosMembers.Built, ChaosMembers.Built, ChaosMembers.Built, ChaosMembers.Built, ChaosMembers.ReadyMadeClients, ChaosMembers.ReadyMadeClients, ChaosMembers.ReadyMadeGenerators);
        Way = Members == ChaosMembers.Built ? draw.Of(ChaosWay.Update, ChaosWay.Code, ChaosWay.Section) : Members == ChaosMembers.ReadyMadeClients ? draw.Of(ChaosWay.Update, ChaosWay.Code) : ChaosWay.Update;
        int count = draw.Chance(0.04) ? 50 : 1 + draw.Below(8);
        IsFast = draw.Chance(0.4);
        PerSecond = IsFast ? draw.Between(0.5, 40) : draw.Between(0.02, 6);
        Seconds = Math.Min(draw.Between(120, 2400), draw.Between(300, 1500) / PerSecond);
        AtOnce = !IsBuilt && draw.Chance(0.2);
        // One endpoint that is never in trouble answers whatever befalls the others.
        HasRock = count > 1 && draw.Chance(0.5);
        MaxWait = HasRock ? draw.Of(5.0, 30, 30, 120) : draw.Of(0.0, 2, 30, 30, 30, 120);
        AttemptTimeout = HasRock ? 100 : draw.Of(100.0, 100, 20, 5);
        FirstContentTimeout = !HasRock && draw.Chance(0.15) ? draw.Of(2.0, 10) : null;
        MaxAttempts = !HasRock && draw.Chance(0.1) ? 1 + draw.Below(3) : null;
        HasAffinity = draw.Chance(0.2);
        KeepsConversations = Members == ChaosMembers.ReadyMadeClients && draw.Chance(0.6);
        ConversationsLast = draw.Chance(0.5);
        IsProvisioned = IsBuilt && count > 1 && draw.Chance(0.25);
        Models = IsBuilt && draw.Chance(0.3) ? ["", "small", "large"] : [""];
        DisposesEarly = draw.Chance(0.12);
        Endpoints = [.. Enumerable.Range(0, count).Select(index => DrawEndpoint(index, count))];
        if (draw.Chance(0.2))
        {
            double from = draw.Between(0, Seconds);
            ChaosSpell outage = new(from, from + draw.LogNormal(10, 1), draw.Of(Trouble.Refuses, Trouble.Errs, Trouble.ThrottlesForATime, Trouble.RefusesTheKey, Trouble.Hangs), 1);
            foreach (ChaosEndpointPlan endpoint in Endpoints.Skip(HasRock ? 1 : 0))
            {
                endpoint.Spells.Add(outage);
            }
        }

        Bursts = [.. Enumerable.Range(0, draw.Chance(0.4) ? 1 + draw.Below(3) : 0).Select(_ => (draw.Between(0, Seconds), 10 + draw.Below(150)))];
        Suspensions = [.. Enumerable.Range(0, draw.Chance(0.25) ? 1 + draw.Below(3) : 0).Select(_ => (draw.Between(0, Seconds), draw.LogNormal(60, 2)))];
        WallJumps = [.. Enumerable.Range(0, draw.Chance(0.4) ? 1 + draw.Below(5) : 0).Select(_ => (draw.Between(0, Seconds), draw.Between(-100_000, 100_000)))];
        Reloads = [.. Enumerable.Range(0, draw.Chance(0.35) ? 1 + draw.Below(12) : 0).Select(_ => draw.Between(0, Seconds))];
    }

    public ChaosMembers Members { get; }

    public bool IsBuilt => Members == ChaosMembers.Built;

    public ChaosWay Way { get; }

    /// <summary>Answers take 60 ms, and not seconds.</summary>
    public bool IsFast { get; }

    /// <summary>Clients answer, and fail, without waiting for anything.</summary>
    public bool AtOnce { get; }

    public double PerSecond { get; }

    public double Seconds { get; }

    public bool HasRock { get; }

    public double MaxWait { get; }

    public double AttemptTimeout { get; }

    public double? FirstContentTimeout { get; }

    public int? MaxAttempts { get; }

    public bool HasAffinity { get; }

    /// <summary>Clients hand out ids, and know only their own.</summary>
    public bool KeepsConversations { get; }

    /// <summary>A conversation has one id, and not a new one with each answer.</summary>
    public bool ConversationsLast { get; }

    /// <summary>Provisioned endpoints come first, and the others where those have no room.</summary>
    public bool IsProvisioned { get; }

    public string[] Models { get; }

    public bool DisposesEarly { get; }

    public ChaosEndpointPlan[] Endpoints { get; }

    public (double At, int Count)[] Bursts { get; }

    public (double At, double Seconds)[] Suspensions { get; }

    public (double At, double Offset)[] WallJumps { get; }

    public double[] Reloads { get; }

    /// <summary>The configuration, or with <paramref name="changes"/> another one of the same endpoints and of not all of them.</summary>
    public RoundRobinOptions Options(IReadOnlyList<IChatClient>? readyMade, HttpClient? transport, ChaosDraw? changes = null)
    {
        RoundRobinOptions options = new()
        {
            MaxWait = TimeSpan.FromSeconds(MaxWait),
            AttemptTimeout = TimeSpan.FromSeconds(AttemptTimeout),
            FirstContentTimeout = FirstContentTimeout is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            MaxAttempts = MaxAttempts,
            HttpClient = transport,
            Affinity = HasAffinity ? EndpointAffinity.PromptCache : EndpointAffinity.None,
        };
        for (int i = 0; i < Endpoints.Length; i++)
        {
            ChaosEndpointPlan plan = Endpoints[i];
            if (changes?.Chance(0.3) == true && !(HasRock ? i == 0 : options.Endpoints.Count == 0 && i == Endpoints.Length - 1))
            {
                continue;
            }

            EndpointOptions entry = new()
            {
                Name = $"e{i}",
                Weight = plan.Weight,
                Priority = plan.Priority,
                RequestsPerMinute = plan.RequestsPerMinute,
                TokensPerMinute = plan.TokensPerMinute,
            };
            if (readyMade is not null)
            {
                entry.ChatClient = readyMade[i];
            }
            else
            {
                (entry.Endpoint, entry.ApiKey, entry.DeploymentName) = (new Uri($"https://e{i}.openai.azure.com"), changes?.Chance(0.2) == true ? "other" : "key", "default");
                foreach (string model in Models.Where(model => model.Length > 0 && (HasRock || changes?.Chance(0.1) != true)))
                {
                    entry.Deployments[model] = model;
                }
            }

            if (changes is not null)
            {
                entry.Weight = changes.Chance(0.3) ? 1 + changes.Below(6) : entry.Weight;
                entry.Priority = changes.Chance(0.2) ? changes.Below(3) : entry.Priority;
                entry.RequestsPerMinute = changes.Chance(0.2) && i > 0 ? null : entry.RequestsPerMinute;
            }

            options.Endpoints.Add(entry);
        }

        return options;
    }

    private ChaosEndpointPlan DrawEndpoint(int index, int count)
    {
        bool isRock = HasRock && index == 0;
        bool isGenerator = Members == ChaosMembers.ReadyMadeGenerators;
        bool isProvisioned = IsProvisioned && (HasRock ? index is 1 or 2 : index == 0 || (index == 1 && count > 2));
        ChaosEndpointPlan plan = new()
        {
            Weight = !isGenerator && _draw.Chance(0.3) ? 1 + _draw.Below(6) : 1,
            Priority = isGenerator || isProvisioned ? 0 : IsProvisioned ? 1 + _draw.Below(2) : _draw.Chance(0.25) ? _draw.Below(3) : 0,
            RequestsPerMinute = !isGenerator && !isRock && !isProvisioned && _draw.Chance(0.12) ? 1 + (int)(PerSecond * _draw.Between(5, 120)) : null,
            TokensPerMinute = !isGenerator && !isRock && !isProvisioned && _draw.Chance(0.12) ? 200 + (int)(PerSecond * _draw.Between(200, 6000)) : null,
            Bucket = isProvisioned ? DrawBucket() : null,
        };
        if (isRock || (isProvisioned && _draw.Chance(0.5)))
        {
            return plan;
        }

        if (!isProvisioned && _draw.Chance(0.3))
        {
            plan.TellsLimits = _draw.Chance(0.5);
            plan.WindowSeconds = _draw.Of(1.0, 10, 60);
            plan.WindowLimit = Math.Max(1, (int)(PerSecond * plan.WindowSeconds * _draw.Between(0.05, 1.5)));
        }

        plan.Hint = _draw.Of(ChaosHint.Exact, ChaosHint.Seconds, ChaosHint.Date, ChaosHint.None, ChaosHint.Azure);
        for (int i = _draw.Below(6); i > 0; i--)
        {
            double from = _draw.Between(0, Seconds);
            plan.Spells.Add(new(from, from + ShortestSpell + _draw.LogNormal(20, 1.5), _draw.Of<Trouble>(Troubles), _draw.Of(1.0, 1, 0.5, 0.1)));
        }

        if (_draw.Chance(0.3))
        {
            plan.Spells.Add(new(0, Seconds, _draw.Of<Trouble>(Troubles), 0.02));
        }

        return plan;
    }

    private ChaosBucket DrawBucket()
    {
        double perSecond = PerSecond * _draw.Between(0.05, 1);
        return new(perSecond, Math.Max(1, perSecond * _draw.Of(0.2, 1, 10, 60)));
    }
}
