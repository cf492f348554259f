using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Reads a registration as it will be used, when the host starts, so that every fault is known before the first call.</summary>
/// <remarks>
/// Once that has gone well it is for the running pool to judge. What is thrown here then would be thrown at whoever reloads the configuration, which for a
/// file is a thread of the runtime, and ends the process.
/// </remarks>
internal sealed class RegistrationValidator(IServiceProvider services, Registration registration) : IValidateOptions<RoundRobinOptions>
{
    private readonly IServiceProvider _services = services;
    private readonly Registration _registration = registration;
    private volatile bool _hasPassed;

    public ValidateOptionsResult Validate(string? name, RoundRobinOptions options)
    {
        if (name != _registration.Name)
        {
            return ValidateOptionsResult.Skip;
        }

        if (_hasPassed)
        {
            return ValidateOptionsResult.Success;
        }

        try
        {
            _ = RegistrationResolution.Of(_services, options, _registration);
            _hasPassed = true;
            return ValidateOptionsResult.Success;
        }
        catch (OptionsValidationException faults)
        {
            return ValidateOptionsResult.Fail(faults.Failures);
        }
    }
}
