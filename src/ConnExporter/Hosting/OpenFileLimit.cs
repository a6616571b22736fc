using ConnExporter.Configuration;

namespace ConnExporter.Hosting;

/// <summary>The limit of open files that the daemon starts with (RLIMIT_NOFILE).</summary>
internal static class OpenFileLimit
{
    /// <summary>
    /// What it takes to serve: some 230 when everything runs, most of them its own code, and 16 that are kept from connections. With fewer it would live and
    /// close every connection at once.
    /// </summary>
    public const ulong Least = 256;

    /// <summary>Refuses a limit with which nobody would be served. The runtime has raised the soft one to the hard one by now.</summary>
    /// <exception cref="ConfigurationException">It is too low.</exception>
    public static void RefuseTooLow(ulong limit)
    {
        if (limit < Least)
        {
            throw new ConfigurationException($"the limit of {limit} open files is too low: the daemon needs {Least} at least (LimitNOFILE=, ulimit -n)");
        }
    }
}
