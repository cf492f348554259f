using System.ClientModel;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Draws the calls and makes them.</summary>
internal sealed class ChaosCaller : IDisposable
{
    private readonly ChaosRun _run;
    private readonly ChaosJudge _judge;
    private readonly RoundRobinChatClient? _client;
    private readonly RoundRobinEmbeddingGenerator? _generator;

    public ChaosCaller(ChaosRun run)
    {
        _run = run;
        _judge = new ChaosJudge(run);
        _client = run.Plan.Members == ChaosMembers.ReadyMadeGenerators ? null : new(run.Pool, leaveOpen: true);
        _generator = run.Plan.Members == ChaosMembers.ReadyMadeClients ? null : new(run.Pool, leaveOpen: true);
    }

    /// <param name="id">Its number.</param>
    /// <param name="isPlain">With a caller who does nothing but wait for the answer.</param>
    /// <param name="model">What to ask for; null to draw it.</param>
    public ChaosCall Draw(int id, bool isPlain, string? model)
    {
        ChaosDraw draw = _run.Draw;
        ChaosKind kind = DrawKind();
        bool isStream = kind == ChaosKind.Stream;
        (string Id, int? Maker)? conversation = isPlain ? null : _run.Conversations.Draw();
        return new ChaosCall(id, kind, model ?? draw.Of<string>(_run.Plan.Models), 1 + draw.Below(6), _run.Time.Seconds)
        {
            SuspendedBefore = _run.Time.Suspended,
            IsBad = !isPlain && draw.Chance(0.02),
            Conversation = conversation?.Id,
            Maker = conversation?.Maker,
            GivesUpAfter = isPlain || draw.Chance(0.85) ? null : draw.Chance(0.1) ? 0 : draw.LogNormal(_run.Plan.IsFast ? 0.2 : 4, 1.5),
            WalksAwayAfter = !isPlain && isStream && draw.Chance(0.05) ? 1 + draw.Below(3) : null,
            IsDropped = draw.Chance(0.3),
            PerPiece = !isPlain && isStream && draw.Chance(0.1) ? draw.Between(0.01, 5) : 0,
        };
    }

    public async Task CallAsync(ChaosCall call)
    {
        using CancellationTokenSource source = call.GivesUpAfter is { } after ? new(TimeSpan.FromSeconds(after), _run.Time) : new();
        if (call.GivesUpAfter == 0)
        {
            await source.CancelAsync();
        }

        using CancellationTokenRegistration registration = source.Token.Register(() => _run.GiveUp(call));
        List<string> pieces = [];
        Exception? thrown = null;
        try
        {
            await (call.Kind switch
            {
                ChaosKind.Stream => ReadAsync(call, pieces, source.Token),
                ChaosKind.Answer => AskAsync(call, pieces, source.Token),
                ChaosKind.Embeddings => EmbedAsync(call, pieces, source.Token),
                _ => InvokeAsync(call, pieces, source.Token),
            });
        }
#pragma warning disable CA1031 // Whatever it is is judged.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = exception;
            call.LeftUntried = _run.IsDriver ? _run.Untried(call) : null;
        }

        if (!_run.IsDriver)
        {
            await call.Home.Task;
        }

        call.GaveUpAt ??= source.IsCancellationRequested ? _run.Time.Seconds : null;
        _run.Ended(call, thrown is null ? "answered" : thrown.GetType().Name + (thrown is ClientResultException { Status: var status } ? $" {status}" : ""));
        _judge.Judge(call, pieces, thrown, source.Token);
    }

    public void Dispose()
    {
        _client?.Dispose();
        _generator?.Dispose();
    }

    private ChaosKind DrawKind() => _run.Plan.Members switch
    {
        ChaosMembers.Built => _run.Draw.Of(ChaosKind.Answer, ChaosKind.Answer, ChaosKind.Stream, ChaosKind.Stream, ChaosKind.Stream, ChaosKind.Embeddings, ChaosKind.Operation),
        ChaosMembers.ReadyMadeClients => _run.Draw.Of(ChaosKind.Answer, ChaosKind.Stream),
        _ => ChaosKind.Embeddings,
    };

    private async Task AskAsync(ChaosCall call, List<string> pieces, CancellationToken cancellationToken)
    {
        ChatResponse response = await _client!.GetResponseAsync(call.Prompt, ChaosRun.OptionsOf(call), cancellationToken);
        _run.Conversations.See(response.ConversationId);
        pieces.Add(response.Text);
    }

    private async Task ReadAsync(ChaosCall call, List<string> pieces, CancellationToken cancellationToken)
    {
        IAsyncEnumerator<ChatResponseUpdate> stream = _client!.GetStreamingResponseAsync(call.Prompt, ChaosRun.OptionsOf(call), cancellationToken).GetAsyncEnumerator(CancellationToken.None);
        bool isDropped = false;
        try
        {
            while (!isDropped && await stream.MoveNextAsync())
            {
                ChatResponseUpdate update = stream.Current;
                _run.Conversations.See(update.ConversationId);
                if (update.Text.Length == 0)
                {
                    continue;
                }

                call.ContentAt ??= _run.Time.Seconds;
                pieces.Add(update.Text);
                if (pieces.Count == call.WalksAwayAfter)
                {
                    isDropped = call.IsDropped;
                    return;
                }

                if (call.PerPiece > 0)
                {
                    call.IsRead = true;
                    await _run.Time.WaitAsync(call.PerPiece, CancellationToken.None);
                    call.IsRead = false;
                }
            }
        }
        finally
        {
            if (isDropped)
            {
                _run.Drop(call, stream);
            }
            else
            {
                await stream.DisposeAsync();
            }
        }
    }

    private async Task EmbedAsync(ChaosCall call, List<string> pieces, CancellationToken cancellationToken)
    {
        EmbeddingGenerationOptions? options = call.Model.Length == 0 ? null : new() { ModelId = call.Model };
        GeneratedEmbeddings<Embedding<float>> answer = await _generator!.GenerateAsync(call.Texts, options, cancellationToken);
        pieces.AddRange(answer.Select(embedding => $"[{embedding.Vector.Span[0]:0}:{embedding.Vector.Span[1]:0}]"));
    }

    private async Task InvokeAsync(ChaosCall call, List<string> pieces, CancellationToken cancellationToken) => pieces.AddRange(await _run.Pool.InvokeAsync(
        new ChaosOperation(_run, call, cancellationToken).RunAsync, call.Model.Length == 0 ? null : call.Model, cancellationToken));
}
