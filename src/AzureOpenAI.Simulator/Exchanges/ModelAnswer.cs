using System.Buffers;

namespace AzureOpenAI.Simulator;

/// <summary>The answers of the models: chat, streamed or whole, and embeddings.</summary>
internal static class ModelAnswer
{
    public static Task SendModelsAsync(Exchange exchange)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        ModelsBody.Write(body, exchange.Resource.Deployments.Values);
        ServiceHeaders.Write(exchange, 200, admission: null);
        return PlainAnswer.SendAsync(exchange, 200, MediaTypes.Json, body.WrittenMemory, LedgerOutcome.Answered);
    }

    public static async Task SendAsync(Exchange exchange, IncomingRequest request, SimulatedDeployment deployment, Arrival arrival, Fault? fault)
    {
        if (fault is not null)
        {
            exchange.NoteFault(fault);
            await exchange.DelayAsync(fault.Wait).ConfigureAwait(false);
        }

        var reply = request.Chat is null ? null : await deployment.RespondAsync(request.Chat, exchange.Aborted).ConfigureAwait(false);
        if (fault?.Kind == FaultKind.FinishReason)
        {
            reply = reply?.WithFinishReason(fault.Text);
            fault = null;
        }

        var usage = reply?.UsageFor(request.Chat!, arrival.CachedTokens);
        exchange.NoteWork(usage?.Work ?? request.Embeddings!.EstimatedTokens);
        if (request.Response is not { InBackground: true })
        {
            await exchange.DelayAsync(deployment.Latency).ConfigureAwait(false);
        }

        ServiceHeaders.Write(exchange, 200, arrival.Admission);
        if (request.Response is not null)
        {
            await ResponseAnswer.SendAsync(exchange, request, deployment, reply!, usage!, fault).ConfigureAwait(false);
            return;
        }

        if (fault?.Kind == FaultKind.UnknownEvent)
        {
            fault = null;
        }

        if (reply is null)
        {
            await SendEmbeddingsAsync(exchange, request.Embeddings!, deployment, fault).ConfigureAwait(false);
            return;
        }

        long created = exchange.Resource.Clock.Now.ToUnixTimeSeconds();
        var chat = new ChatContext(RequestIds.Completion(exchange.Sequence), created, reply.Model ?? deployment.Model, request.Chat!, reply, usage!);
        await (request.Chat!.Streamed
            ? StreamedAnswer.SendAsync(exchange, ChatEvents.Create(chat, deployment.StreamFormat), deployment, fault)
            : SendChatAsync(exchange, chat, fault)).ConfigureAwait(false);
    }

    private static Task SendChatAsync(Exchange exchange, ChatContext chat, Fault? fault)
    {
        var body = new ArrayBufferWriter<byte>(2048);
        ChatBody.Write(body, chat);
        return SendBodyAsync(exchange, body, fault);
    }

    private static Task SendEmbeddingsAsync(Exchange exchange, EmbeddingRequest request, SimulatedDeployment deployment, Fault? fault)
    {
        var body = new ArrayBufferWriter<byte>(8192);
        EmbeddingBody.Write(body, request, deployment.Model, request.Dimensions ?? deployment.EmbeddingDimensions);
        return SendBodyAsync(exchange, body, fault);
    }

    private static Task SendBodyAsync(Exchange exchange, ArrayBufferWriter<byte> body, Fault? fault) => fault is null
        ? PlainAnswer.SendAsync(exchange, 200, MediaTypes.Json, body.WrittenMemory, LedgerOutcome.Answered)
        : PlainAnswer.SendAsync(exchange, body.WrittenMemory, fault);
}
