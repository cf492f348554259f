#:property OutputType=Library
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false

// Runs in the test program's process, before it: the same tests for one mutant after the other, since most of a short run is its start.
using System.Reflection;
using System.Text;

internal static class StartupHook
{
    private const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable("MUTATION_HOST") is null)
        {
            return;
        }

        TextWriter answers = Console.Out;
        MethodInfo main = Assembly.GetEntryAssembly()!.EntryPoint!;
        FieldInfo active = Assembly.Load("AzureOpenAI.RoundRobin").GetTypes().Single(static type => type.Name == "MutantControl").GetField("ActiveMutant", Any)!;
        Console.SetError(TextWriter.Null);
        while (Console.In.ReadLine() is { } line)
        {
            string[] parts = line.Split('\t');
            active.SetValue(null, int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture));
            Console.SetOut(new Failures(answers));
            object? code = main.Invoke(null, [parts[1..]]);
            int exit = code is Task<int> task ? task.GetAwaiter().GetResult() : (int)code!;
            lock (answers)
            {
                answers.WriteLine($"END {exit}");
                answers.Flush();
            }
        }

        Environment.Exit(0);
    }

    private sealed class Failures(TextWriter answers) : TextWriter
    {
        private readonly StringBuilder _line = new();

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
        {
            lock (answers)
            {
                if (value != '\n')
                {
                    _line.Append(value);
                    return;
                }

                string line = _line.ToString().Trim();
                _line.Clear();
                if (line.EndsWith("[FAIL]", StringComparison.Ordinal))
                {
                    answers.WriteLine(line);
                    answers.Flush();
                }
            }
        }
    }
}
