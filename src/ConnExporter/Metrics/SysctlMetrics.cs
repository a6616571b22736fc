using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Metrics;

/// <summary>Sysctls that are one number.</summary>
internal static class SysctlMetrics
{
    private static readonly MetricFamily Sysctl = MetricFamily.Gauge("conn_sysctl", "Value in force of a sysctl that connections depend on, where it is one number.", "name", "netns");

    public static void Write(ExpositionWriter page, SettingsReading reading)
    {
        foreach (TuningSetting setting in SettingCatalogue.Present.Where(setting => setting.Shape == SettingShape.Number))
        {
            page.Write(Sysctl, reading.Number(setting.Name), setting.Name, reading.Netns);
        }
    }
}
