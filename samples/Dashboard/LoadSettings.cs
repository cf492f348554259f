namespace Dashboard;

/// <summary>How much load the page asks for. Written by requests, read by the generator.</summary>
internal sealed class LoadSettings(double callsPerSecond, double most)
{
    private double _callsPerSecond = callsPerSecond;

    public double Most => most;

    public double CallsPerSecond
    {
        get => Volatile.Read(ref _callsPerSecond);
        set => Volatile.Write(ref _callsPerSecond, Math.Clamp(value, 0, most));
    }
}
