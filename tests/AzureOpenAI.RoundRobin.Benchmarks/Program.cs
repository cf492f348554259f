using System.Diagnostics;
using AzureOpenAI.RoundRobin.Benchmarks;
using AzureOpenAI.RoundRobin.Benchmarks.Stress;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Perfolizer.Horology;

if (args is ["bytes"])
{
    await HttpBytes.CountAsync();
    return;
}

if (args is ["first"])
{
    await FirstAnswer.MeasureAsync();
    return;
}

if (args is ["ask", string client, string server])
{
    await FirstAnswer.AskAsync(client, new Uri(server));
    return;
}

if (args is ["serve"])
{
    HttpLoad.Serve();
    return;
}

(string[] line, string? results) = Results.Read(args);
if (line is ["stress", ..])
{
    int filtered = Array.IndexOf(line, "--filter") + 1;
    await StressBenchmarks.RunAsync(line.Contains("--quick"), filtered > 0 && filtered < line.Length ? line[filtered] : null, results);
    return;
}

if (line is ["http", ..])
{
    await HttpLoad.MeasureAsync(line.Contains("--quick"), results);
    return;
}

// Each case in a process of its own, whose call sites have met one client only. The project generated for that does not share the repository's strict build.
// Compare ratios and bytes; nanoseconds are the machine's.
Job length = line.Contains("--quick") ? Job.Default.WithWarmupCount(12).WithIterationCount(9).WithIterationTime(TimeInterval.FromMilliseconds(60)) : Job.Default;
Job job = length.WithArguments([new MsBuildArgument("/p:TreatWarningsAsErrors=false"), new MsBuildArgument("/p:RunAnalyzers=false"), new MsBuildArgument("/p:EnforceCodeStyleInBuild=false")]);
if (line.Contains("--here"))
{
    job = job.WithToolchain(InProcessNoEmitToolchain.Instance);
}

IConfig config = DefaultConfig.Instance
    .AddJob(job)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(StatisticColumn.Min, StatisticColumn.Median)
    .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(40))
    .HideColumns(Column.Mean, Column.Ratio, Column.Error, Column.StdDev, Column.RatioSD, Column.Gen0, Column.Gen1, Column.AllocRatio, Column.Toolchain, Column.Job);
Stopwatch taken = Stopwatch.StartNew();
Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. line.Where(arg => arg is not "--quick" and not "--here")], config)];
if (results is not null)
{
    Results.Write(results, line, taken.Elapsed, summaries);
}
