using System.Globalization;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>
/// What is said in a conversation besides the tokens that must come back: 600 tokens of instructions that all share, a question of 600, and 250 more each turn.
/// A token is four characters, as the simulator counts.
/// </summary>
internal static class Conversation
{
    private static readonly string Instructions = Text("be brief", 600);

    public static List<ChatMessage> Begin(int number) => [new(ChatRole.System, Instructions), new(ChatRole.User, Text(Name(number), 600))];

    /// <summary>What was answered and asked in a turn that is over.</summary>
    public static IEnumerable<ChatMessage> Turn(int number, int turn) =>
        [new(ChatRole.Assistant, Text($"{Name(number)} answer {turn}", 200)), new(ChatRole.User, Text($"{Name(number)} question {turn}", 50))];

    private static string Name(int number) => number.ToString("conversation 000", CultureInfo.InvariantCulture);

    private static string Text(string about, int tokens) => string.Concat(Enumerable.Repeat(about + ". ", (4 * tokens / (about.Length + 2)) + 1))[..(4 * tokens)];
}
