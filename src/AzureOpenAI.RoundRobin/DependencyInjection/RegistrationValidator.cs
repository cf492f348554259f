using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Resolves a registration when the host starts, so that every fault is known before the first call.</summary>
/// <remarks>
/// After that the running pool validates new configurations. An exception here would then be thrown into the reload of the configuration, for a file on a thread of the
/// runtime, and would end the process.
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
