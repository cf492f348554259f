using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A deployment's prompt cache: prefixes of 1,024 tokens and more, in steps of 128, are found again by the next prompt that starts alike. A word is a token.</summary>
internal sealed class FakePromptCache
{
    private const int Least = 1024;
    private const int Step = 128;

    private readonly Lock _lock = new();
    private readonly HashSet<int> _prefixes = [];

    public long Tokens { get; private set; }

    public long CachedTokens { get; private set; }

    /// <summary>Counts the prompt, with what of it was cached, and caches it.</summary>
    public void Read(IEnumerable<ChatMessage> messages)
    {
        lock (_lock)
        {
            int tokens = 0;
            int cached = 0;
            int prefix = 17;
            foreach (string word in messages.SelectMany(message => message.Text.Split(' ')))
            {
                prefix = HashCode.Combine(prefix, word);
                tokens++;
                if (tokens >= Least && tokens % Step == 0 && !_prefixes.Add(prefix))
                {
                    cached = tokens;
                }
            }

            Tokens += tokens;
            CachedTokens += cached;
        }
    }
}
