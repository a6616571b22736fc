using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using ConnExporter.Diagnosis;
using ConnExporter.Kernel;

namespace ConnExporter.Configuration;

/// <summary>Settings that are right one by one and cannot be in force together.</summary>
internal static class Agreement
{
    /// <summary>The addresses to listen on. The second of two that are the same would be told that the first is in the way; port 0 is another one each time.</summary>
    /// <exception cref="ConfigurationException">Two cannot be listened on together.</exception>
    public static ImmutableArray<ListenAddress> ListenAddresses(IEnumerable<Given> given)
    {
        ImmutableArray<ListenAddress>.Builder addresses = ImmutableArray.CreateBuilder<ListenAddress>();
        foreach (Given one in given)
        {
            ListenAddress address = Values.ListenAddress(one);
            if ((address.Port != 0 || address.UnixPath is not null) && addresses.Contains(address))
            {
                throw one.Wrong("the address is given twice");
            }

            if (addresses.FirstOrDefault(other => IsTakenBy(address, other)) is { } other)
            {
                throw one.Wrong(address.UnixPath is null ? $"{other} takes the same port; leave one of them out" : $"{other} is the same file; leave one of them out");
            }

            addresses.Add(address);
        }

        return addresses.ToImmutable();
    }

    /// <summary>Refuses a socket for <c>diagnose</c> that is one of those for everybody: whoever asked there would be asked for root.</summary>
    /// <param name="given">The addresses to listen on, with their places.</param>
    /// <param name="local">Where the other one is to be; null for nowhere.</param>
    /// <exception cref="ConfigurationException">Both are the same file.</exception>
    public static void RefuseLocalSocketAmong(IEnumerable<Given> given, string? local)
    {
        foreach (Given one in given)
        {
            if (local is not null && Values.ListenAddress(one).UnixPath is { } path && IsSameFile(path, local))
            {
                throw one.Wrong($"{local} is where diagnose asks (--{Settings.LocalSocket}); one socket cannot be both");
            }
        }
    }

    /// <summary>Refuses thresholds by which something would be critical before it is a warning.</summary>
    /// <param name="thresholds">Those in force.</param>
    /// <param name="given">What was given for a setting; null where its default is in force.</param>
    /// <exception cref="ConfigurationException">Two are the wrong way round.</exception>
    public static void RefuseReversed(Thresholds thresholds, Func<string, Given?> given)
    {
        Refuse("diagnosis.warning-ratio", "diagnosis.critical-ratio", thresholds.WarningRatio > thresholds.CriticalRatio);
        Refuse("diagnosis.close-wait-warning", "diagnosis.close-wait-critical", thresholds.CloseWaitWarning > thresholds.CloseWaitCritical);
        Refuse("diagnosis.warning-forecast", "diagnosis.critical-forecast", thresholds.WarningForecast < thresholds.CriticalForecast);

        void Refuse(string warning, string critical, bool isReversed)
        {
            if (isReversed)
            {
                // One of them is not the default.
                throw given(warning)?.Wrong($"it would be critical before it is a warning, with {critical} at {given(critical)?.Text ?? Settings.Find(critical)!.Default}")
                    ?? given(critical)!.Wrong($"it would be critical before it is a warning, with {warning} at {Settings.Find(warning)!.Default}");
            }
        }
    }

    /// <summary>Whether two paths lead to the same name in the same directory, however they are written.</summary>
    internal static bool IsSameFile(string one, string other)
    {
        (one, other) = (Path.GetFullPath(one), Path.GetFullPath(other));
        if (one == other || Path.GetFileName(one) != Path.GetFileName(other))
        {
            return one == other;
        }

        var directory = FileStamp.Of(Path.GetDirectoryName(one)!);
        return directory != default && directory == FileStamp.Of(Path.GetDirectoryName(other)!);
    }

    // Every address of IPv6 takes IPv4's too, as the web server listens there.
    private static bool IsTakenBy(ListenAddress one, ListenAddress other) =>
        one.UnixPath is not null || other.UnixPath is not null ? one.UnixPath is not null && other.UnixPath is not null && IsSameFile(one.UnixPath, other.UnixPath)
        : one.Port != 0 && one.Port == other.Port && (IsEvery(one) || IsEvery(other) || (IsEveryIPv4(one) && IsIPv4(other)) || (IsEveryIPv4(other) && IsIPv4(one)));

    private static bool IsEvery(ListenAddress address) => address.Address is null || address.Address.Equals(IPAddress.IPv6Any);

    private static bool IsEveryIPv4(ListenAddress address) => IPAddress.Any.Equals(address.Address);

    private static bool IsIPv4(ListenAddress address) => address.Address is { AddressFamily: AddressFamily.InterNetwork };
}
