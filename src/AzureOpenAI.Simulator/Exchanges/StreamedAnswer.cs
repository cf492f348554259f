using System.Buffers;
using System.Text;

namespace AzureOpenAI.Simulator;

/// <summary>Sends a stream's events: framed, paced, in pieces if asked for, up to where a fault stops it.</summary>
internal sealed class StreamedAnswer
{
    private readonly Exchange _exchange;
    private readonly EventList _events;
    private readonly StreamFormat _format;
    private readonly Latency _pace;
    private readonly Fault? _fault;
    private readonly ResponseContext? _response;
    private readonly int _first;
    private readonly ArrayBufferWriter<byte> _unsent = new(4096);

    private StreamedAnswer(Exchange exchange, EventList events, SimulatedDeployment deployment, Fault? fault, ResponseContext? response, int first)
    {
        _exchange = exchange;
        _events = events;
        _format = deployment.StreamFormat;
        _pace = deployment.ChunkLatency;
        _fault = fault;
        _response = response;
        _first = first;
    }

    /// <summary>Sends events from one on. With a response they are those of the Responses API.</summary>
    public static Task SendAsync(
        Exchange exchange, EventList events, SimulatedDeployment deployment, Fault? fault, ResponseContext? response = null, int first = 0)
    {
        exchange.NoteStatus(200);
        exchange.Http.Response.ContentType = MediaTypes.EventStream;
        exchange.Http.Response.Headers["x-accel-buffering"] = "no";
        return new StreamedAnswer(exchange, events, deployment, fault, response, first).SendAsync();
    }

    private async Task SendAsync()
    {
        var ending = _fault is { Kind: FaultKind.UnknownEvent } ? null : _fault;
        int end = ending is null ? _events.Count : Math.Min(_first + ending.Events, _events.Count);
        bool isPaced = !ReferenceEquals(_pace, Latency.None);
        bool anyContent = false;
        for (int i = _first; i < end; i++)
        {
            if (isPaced && _events.IsContent(i) && anyContent)
            {
                await FlushAsync(i).ConfigureAwait(false);
                await _exchange.DelayAsync(_pace).ConfigureAwait(false);
            }

            anyContent |= _events.IsContent(i);
            if (ending is null && i == end - 1)
            {
                _exchange.Aborted.ThrowIfCancellationRequested();
                _exchange.NoteEvents(end - _first);
                _exchange.Finish(LedgerOutcome.Answered);
            }

            if (_response is not null && _fault is { Kind: FaultKind.UnknownEvent } unknown && i - _first == unknown.Events)
            {
                WriteFault(unknown, i);
            }

            Write(_events[i].Span, _events.Name(i));
        }

        if (ending is not null)
        {
            await SpoilAsync(ending, end).ConfigureAwait(false);
        }
        else
        {
            _exchange.Finish(LedgerOutcome.Answered);
            await SendUnsentAsync().ConfigureAwait(false);
        }
    }

    private async Task SpoilAsync(Fault fault, int sent)
    {
        if (fault.Kind is FaultKind.Stall or FaultKind.Cut)
        {
            await FlushAsync(sent).ConfigureAwait(false);
            await PlainAnswer.InterruptAsync(_exchange, fault).ConfigureAwait(false);
            return;
        }

        _exchange.NoteEvents(sent - _first);
        _exchange.Finish(LedgerOutcome.Faulted);
        if (fault.Kind is FaultKind.ErrorEvent or FaultKind.Failed)
        {
            WriteFault(fault, sent);
        }

        await SendUnsentAsync().ConfigureAwait(false);
    }

    private async Task FlushAsync(int sent)
    {
        _exchange.NoteEvents(sent - _first);
        await SendUnsentAsync().ConfigureAwait(false);
    }

    private async Task SendUnsentAsync()
    {
        var bytes = _unsent.WrittenMemory;
        int size = _format.PieceSize == 0 ? bytes.Length : _format.PieceSize;
        do
        {
            var piece = bytes[..Math.Min(size, bytes.Length)];
            await _exchange.SendAsync(piece).ConfigureAwait(false);
            bytes = bytes[piece.Length..];
        }
        while (!bytes.IsEmpty);

        _unsent.ResetWrittenCount();
    }

    private void WriteFault(Fault fault, int sequence)
    {
        var (name, payload) = _response is null
            ? (null, Encoding.UTF8.GetBytes(ErrorBodies.StreamError(fault.Text, fault.Code)))
            : ResponseEvents.OfFault(fault, _format, _response, sequence);
        Write(payload, name);
    }

    private void Write(ReadOnlySpan<byte> payload, string? name)
    {
        var lineEnd = _format.CarriageReturns ? "\r\n"u8 : "\n"u8;
        if (_format.KeepAliveComments)
        {
            _unsent.Write(": keep-alive"u8);
            _unsent.Write(lineEnd);
            _unsent.Write(lineEnd);
        }

        if (name is not null)
        {
            _unsent.Write("event: "u8);
            _unsent.Write(Encoding.ASCII.GetBytes(name));
            _unsent.Write(lineEnd);
        }

        _unsent.Write("data: "u8);
        _unsent.Write(payload);
        _unsent.Write(lineEnd);
        _unsent.Write(lineEnd);
    }
}
