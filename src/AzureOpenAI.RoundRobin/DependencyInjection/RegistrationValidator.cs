using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Reads a registration as it will be used, when the host starts, so that every fault is known before the first call.</summary>
internal sealed class RegistrationValidator(IServiceProvider services, Registration registration) : IValidateOptions<RoundRobinOptions>
{
    private readonly IServiceProvider _services = services;
    private readonly Registration _registration = registration;

    public ValidateOptionsResult Validate(string? name, RoundRobinOptions options)
    {
        if (name != _registration.Name)
        {
            return ValidateOptionsResult.Skip;
        }

        try
        {
            _ = RegistrationResolution.Of(_services, options, _registration);
            return ValidateOptionsResult.Success;
        }
        catch (OptionsValidationException faults)
        {
            return ValidateOptionsResult.Fail(faults.Failures);
        }
    }
}
