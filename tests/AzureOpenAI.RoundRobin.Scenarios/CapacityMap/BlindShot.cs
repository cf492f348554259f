using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>What a burst costs where it is sent in turn, before any answer can say of a limit: no client that has learned nothing, and holds nothing back, does with fewer attempts.</summary>
internal static class BlindShot
{
    /// <summary>Attempts for each answer, if each rejected call is answered at its second attempt.</summary>
    public static double Attempts(MapCell cell)
    {
        EndpointLimit[] limits = cell.Limits(new OracleTime());
        MapCall[] calls = cell.Calls();
        int rejected = calls.Where((call, i) => limits[i % limits.Length].Admit(call).Verdict != AdmissionVerdict.Admitted).Count();
        return 1 + ((double)rejected / calls.Length);
    }
}
